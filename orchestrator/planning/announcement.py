"""What a person should know of a sweep before believing its results, printed before it starts."""

from __future__ import annotations

import sys

from orchestrator.planning.crossing import Crossing
from orchestrator.planning.data_facts import data_facts
from orchestrator.planning.prunable_share import shares


def announce(crossing: Crossing, *, quiet: bool) -> None:
    """Print the prunable shares of a sweep and notes on its data to stderr; if `quiet`, only warnings."""
    for share in shares(crossing):
        if not quiet:
            print(share, file=sys.stderr)
        if share.is_low:
            print(f"warning: {share.warning}", file=sys.stderr)
    if not quiet:
        for facts in data_facts(crossing):
            for note in facts.notes:
                print(f"note: data {facts.dataset}: {note}", file=sys.stderr)
