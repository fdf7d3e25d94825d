"""Events in a sentence, and as the JSON that web addresses and commands get."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from orchestrator.tracking.events import Event, SweepEnded, SweepStalled, TrialEnded, to_json
from workers.text import cut, duration, plural, printable

_VERSION = 1
_LONGEST = 500  # characters of a text from elsewhere


def outcome_of(event: SweepEnded) -> str:
    """`done`, `failed` (some trials), `interrupted`, `refused` (before the start) or `error`."""
    if event.exit_code > 128:
        return "interrupted"
    return {0: "done", 2: "refused", 3: "failed"}.get(event.exit_code, "error")


def in_words(event: SweepEnded | SweepStalled | TrialEnded) -> str:
    """An event as a sentence for people."""
    if isinstance(event, TrialEnded):
        subject = event.subject
        return f"Trial {subject.trial} failed ({event.outcome}): {subject.place} · {subject.cell}: {event.reason}"
    if isinstance(event, SweepStalled):
        return f"The sweep is stalled: {event.reason}"
    failed = sum(event.failed.values())
    parts = [f"{event.cells_done:,} of {plural(event.cells, 'cell')} done"]
    parts += [f"{plural(failed, 'trial')} failed"] if failed else []
    parts += [event.reason] if event.reason else []
    return f"Sweep {event.sweep}: {outcome_of(event)} after {duration(event.seconds)}: {', '.join(parts)}"


def payload(event: Event) -> dict[str, Any]:
    """The JSON of an event that ends or troubles a sweep, with a sentence in `text`.

    Texts for people have no control characters and are cut; names, paths and settings stay as they are.
    """
    assert isinstance(event, SweepEnded | SweepStalled | TrialEnded)
    event = _readable(event)
    data = {"version": _VERSION, "text": in_words(event)} | to_json(event)
    return data | {"outcome": outcome_of(event)} if isinstance(event, SweepEnded) else data


def _readable(event: SweepEnded | SweepStalled | TrialEnded) -> SweepEnded | SweepStalled | TrialEnded:
    if isinstance(event, TrialEnded):
        subject = replace(event.subject, cell=_shown(event.subject.cell), place=_shown(event.subject.place))
        event = replace(event, subject=subject, hint=_shown(event.hint))
    return replace(event, reason=_shown(event.reason))


def _shown(text: str) -> str:
    return printable(cut(text, _LONGEST))
