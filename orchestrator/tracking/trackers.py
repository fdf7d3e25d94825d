"""The trackers there are, and how `--track` names one: `tensorboard:FOLDER`, `mlflow:URI`, `wandb:PROJECT`."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from orchestrator.tracking.events import Event
from workers.errors import InputError
from workers.registry import closest


class Tracker(Protocol):
    """Writes events somewhere else, in a separate process. Is built with the target that `--track` names."""

    def receive(self, event: Event) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class TrackerKind:
    """A kind of tracker: `module:class`, the package that it needs, and what its target is."""

    factory: str
    package: str
    target: str


TRACKERS = {
    "tensorboard": TrackerKind("orchestrator.tracking.to_tensorboard:ToTensorBoard", "tensorboard", "FOLDER"),
    "mlflow": TrackerKind("orchestrator.tracking.to_mlflow:ToMlflow", "mlflow", "URI"),
    "wandb": TrackerKind("orchestrator.tracking.to_wandb:ToWandb", "wandb", "PROJECT"),
}


_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_OF_DATABASES = ("sqlalchemy", "alembic")
"""What MLflow needs for a database: its full package has them, the client of the extra has not."""


def _check_database(uri: str) -> None:
    """Raise InputError for the URI of a database where MLflow is installed without what it needs for one."""
    scheme = uri.partition(":")[0].partition("+")[0]
    missing = [package for package in _OF_DATABASES if importlib.util.find_spec(package) is None]
    if scheme in _DATABASES and missing:
        raise InputError(
            f"`--track mlflow` needs the full package of MLflow for a database: {uri}",
            hint="install it: pip install mlflow; or track to a server (`mlflow:http://localhost:5000`) or a folder "
            "(`mlflow:file:runs/mlflow`)",
        )


class TrackerChoice(NamedTuple):
    """A tracker that a run was asked for: its kind and its target."""

    kind: str
    target: str

    @classmethod
    def parse(cls, word: str) -> TrackerChoice:
        """The tracker that a word of `--track` names. Raises InputError unless it can be used."""
        kind, _, target = word.partition(":")
        if kind not in TRACKERS:
            raise InputError(f"`--track` names an unknown tracker: `{kind}`", hint=closest(kind, TRACKERS))
        if not target:
            raise InputError(f"`--track {kind}` needs a target", hint=f"write `{kind}:{TRACKERS[kind].target}`")
        if importlib.util.find_spec(TRACKERS[kind].package) is None:
            hint = f"install it: pip install 'prunesweep[{kind}]'"
            package = TRACKERS[kind].package
            raise InputError(f"`--track {kind}` needs a package that is not installed: {package}", hint=hint)
        if kind == "mlflow":
            _check_database(target)
        return cls(kind, target)

    def __str__(self) -> str:
        return f"{self.kind}:{self.target}"
