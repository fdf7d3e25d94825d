"""Events to MLflow: a run for the sweep in an experiment of its name, and in it a run for each trial."""

from __future__ import annotations

import os
import time

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

from orchestrator.tracking.events import Event, Subject, SweepEnded, SweepStarted, TrialEnded, TrialReached
from orchestrator.tracking.summary import outcome_of

_PARENT = "mlflow.parentRunId"  # shows runs nested
_STATUS = {"done": "FINISHED", "interrupted": "KILLED"}


class ToMlflow:
    """See `Tracker`. The target is a tracking URI: a server, or a folder such as `file:runs/mlflow`."""

    def __init__(self, uri: str) -> None:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # asked for by its URI, it must not be refused
        self._client = MlflowClient(tracking_uri=uri)
        self._experiment = self._sweep = ""
        self._runs: dict[str, str] = {}

    def receive(self, event: Event) -> None:
        if isinstance(event, SweepStarted):
            self._start(event)
        elif isinstance(event, TrialReached):
            self._reached(event)
        elif isinstance(event, TrialEnded):
            run = self._run(event.subject)
            if event.outcome != "done":
                self._client.set_tag(run, "failure", f"{event.outcome}: {event.reason}")
            self._client.set_terminated(run, _STATUS.get(event.outcome, "FAILED"))
            del self._runs[event.subject.trial]
        elif isinstance(event, SweepEnded) and self._sweep:
            self._client.set_terminated(self._sweep, _STATUS.get(outcome_of(event), "FAILED"))
            self._sweep = ""

    def close(self) -> None:
        """End the runs of trials that were interrupted, and that of a sweep whose driver has died."""
        for run in self._runs.values():
            self._client.set_terminated(run, "KILLED")
        if self._sweep:
            self._client.set_terminated(self._sweep, "FAILED")

    def _start(self, event: SweepStarted) -> None:
        experiment = self._client.get_experiment_by_name(event.sweep)
        self._experiment = experiment.experiment_id if experiment else self._client.create_experiment(event.sweep)
        run = self._client.create_run(self._experiment, run_name=event.sweep, tags={"store": event.store})
        self._sweep = run.info.run_id

    def _reached(self, event: TrialReached) -> None:
        now = int(1000 * time.time())
        points = [(step, name, value) for step, scores in event.scores.items() for name, value in scores.items()]
        points += [] if event.loss is None else [(event.step, "loss", event.loss)]
        metrics = [Metric(name, value, now, step) for step, name, value in points]
        self._client.log_batch(self._run(event.subject), metrics=metrics)

    def _run(self, subject: Subject) -> str:
        if subject.trial not in self._runs:
            tags = {_PARENT: self._sweep, "trial": subject.trial}
            name = f"{subject.place} · {subject.cell}"
            run = self._client.create_run(self._experiment, run_name=name, tags=tags)
            params = [Param(key, str(value)) for key, value in subject.settings.items()]
            self._client.log_batch(run.info.run_id, params=params)
            self._runs[subject.trial] = run.info.run_id
        return self._runs[subject.trial]
