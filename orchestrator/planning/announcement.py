"""What a person should know of a sweep before believing its results, printed before it starts."""

from __future__ import annotations

from orchestrator.planning.crossing import Crossing
from orchestrator.planning.data_facts import data_facts
from orchestrator.planning.prunable_share import shares
from workers.machine.terminal import say


def announce(crossing: Crossing, *, quiet: bool) -> None:
    """Print the prunable shares of a sweep and notes on its data to stderr; if `quiet`, only warnings."""
    for share in shares(crossing):
        if not quiet:
            say(share)
        if share.is_low:
            say(f"warning: {share.warning}")
    if not quiet:
        for facts in data_facts(crossing):
            for note in facts.notes:
                say(f"note: data {facts.dataset}: {note}")
