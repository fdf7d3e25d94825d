"""Events to Weights & Biases: a run for each trial, in a group of the sweep's name.

`WANDB_MODE=offline` and W&B's other variables work as everywhere.
"""

from __future__ import annotations

from typing import Any

import wandb

from orchestrator.tracking.events import Event, Subject, SweepStarted, TrialEnded, TrialReached


class ToWandb:
    """See `Tracker`. The target is a project, or `ENTITY/PROJECT`."""

    def __init__(self, project: str) -> None:
        entity, _, self._project = project.rpartition("/")
        self._entity = entity or None
        self._group: str | None = None
        self._runs: dict[str, Any] = {}

    def receive(self, event: Event) -> None:
        if isinstance(event, SweepStarted):
            self._group = event.sweep
        elif isinstance(event, TrialReached):
            self._reached(event)
        elif isinstance(event, TrialEnded):
            run = self._run(event.subject)
            run.summary["outcome"] = event.outcome
            run.finish(exit_code=0 if event.outcome == "done" else 1)
            del self._runs[event.subject.trial]

    def close(self) -> None:
        """End the runs of trials that were interrupted."""
        for run in self._runs.values():
            run.finish(exit_code=255)

    def _reached(self, event: TrialReached) -> None:
        run = self._run(event.subject)
        points = {step: dict(scores) for step, scores in event.scores.items()}
        if event.loss is not None:
            points.setdefault(event.step, {})["loss"] = event.loss
        for step, values in sorted(points.items()):
            run.log(values, step=step)

    def _run(self, subject: Subject) -> Any:
        if subject.trial not in self._runs:
            self._runs[subject.trial] = wandb.init(
                entity=self._entity,
                project=self._project,
                group=self._group,
                name=f"{subject.place} · {subject.cell}",
                config={"trial": subject.trial, **subject.settings},
                reinit="create_new",  # several trials run at once
            )
        return self._runs[subject.trial]
