"""Events to TensorBoard: a run for each trial, with its loss and its scores."""

from __future__ import annotations

import re
from pathlib import Path

from tensorboard.summary import Writer

from orchestrator.tracking.events import Event, Subject, TrialEnded, TrialReached


class ToTensorBoard:
    """See `Tracker`. The target is the folder that `tensorboard --logdir` shows."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder).expanduser()
        self._writers: dict[str, Writer] = {}

    def receive(self, event: Event) -> None:
        if isinstance(event, TrialReached):
            self._reached(event)
        elif isinstance(event, TrialEnded):
            self._ended(event)

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()

    def _reached(self, event: TrialReached) -> None:
        points = [(name, value, step) for step, scores in event.scores.items() for name, value in scores.items()]
        points += [] if event.loss is None else [("loss", event.loss, event.step)]
        for name, value, step in points:
            self._writer(event.subject).add_scalar(name, value, step, description=_about(event.subject))
        self._writer(event.subject).flush()  # so that a person sees it at once

    def _ended(self, event: TrialEnded) -> None:
        writer = self._writer(event.subject)
        if event.outcome != "done":
            writer.add_scalar("failed", 1, 0, description=f"{event.outcome}: {event.reason}")
        writer.close()
        del self._writers[event.subject.trial]

    def _writer(self, subject: Subject) -> Writer:
        if subject.trial not in self._writers:
            self._writers[subject.trial] = Writer(str(self._folder / _run_name(subject)))
        return self._writers[subject.trial]


def _run_name(subject: Subject) -> str:
    """A name that says what the run is, and is a valid and unique name of a folder."""
    words = re.sub(r"[^\w .,%×=+-]", "_", f"{subject.place} {subject.cell}".replace(" · ", " "))
    return f"{words[:180]} {subject.trial[:8]}"


def _about(subject: Subject) -> str:
    return f"{subject.place} · {subject.cell} · trial {subject.trial}"
