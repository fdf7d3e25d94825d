"""A whole sweep as frozen, checked models, and reading it from a file, from text or from JSON data.

Keys are those of the file; a key that may hold a list is a tuple here, most with a plural name. `load_spec`,
`parse_spec` and `spec_from_dict` report every mistake at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, PlainValidator, PrivateAttr, ValidationError

from orchestrator.sweep.checks.combinations import check
from orchestrator.sweep.dense import DenseSpec
from orchestrator.sweep.document import Document
from orchestrator.sweep.evaluation import EvaluationSpec, Holdout
from orchestrator.sweep.fields import Location, Many, Name, Text, one_of, refuse
from orchestrator.sweep.grid import Datasets, GridSpec, IterativeSpec, Networks, PruningSpec
from orchestrator.sweep.mappings import FixedKeys
from orchestrator.sweep.metric import Metrics
from orchestrator.sweep.placement import COMMON, DENSE_RESOURCES, with_place
from orchestrator.sweep.problems import KeyPath, LocatedProblem, Problem, SpecError
from orchestrator.sweep.pydantic_problems import problems_of
from orchestrator.sweep.recipe import SCHEDULE_KEYS, ChannelStatistics, RecipeSpec, ScheduleSpec
from orchestrator.sweep.running import DenseResourcesSpec, FailuresSpec, LimitsSpec, ResourcesSpec, RetriesSpec
from orchestrator.sweep.synonyms import is_meant
from orchestrator.sweep.values import Duration, exact_text
from orchestrator.sweep.yaml_source import read_yaml
from workers import trial
from workers.errors import InputError
from workers.paths import expanded

FORMAT_VERSION = 1


def _version(value: object) -> int:
    if value is not True and value == FORMAT_VERSION:
        return FORMAT_VERSION
    raise refuse(f"must be {FORMAT_VERSION}", f"write `version: {FORMAT_VERSION}`, the version of the file format")


class SweepSpec(FixedKeys):
    """A whole sweep."""

    version: Annotated[int, PlainValidator(_version)]
    name: Name
    description: Text | None = None
    code_version: Text | None = None
    datasets: Datasets = Field(alias="dataset")
    networks: Networks = Field(alias="network")
    dense: DenseSpec | None = None
    prunings: Many[PruningSpec] = Field((PruningSpec(),), alias="pruning")
    recipes: Many[RecipeSpec] = Field(alias="recipe")
    metrics: Metrics = Field((), alias="metric")
    evaluation: EvaluationSpec = EvaluationSpec()
    grids: Many[GridSpec] = Field(alias="grid")
    store: Location | None = None
    keep: Annotated[Literal["all", "results_only"], one_of("all", "results_only", kind="choice")] = "all"
    resources: ResourcesSpec = ResourcesSpec()
    limits: LimitsSpec = LimitsSpec()
    failures: FailuresSpec = FailuresSpec()
    _document: Document = PrivateAttr(default_factory=lambda: Document(None))

    def __eq__(self, other: object) -> bool:
        """Whether two sweeps ask for the same, whatever file they come from."""
        return isinstance(other, SweepSpec) and self.canonical() == other.canonical()

    def refusal(self, problems: Iterable[Problem]) -> SpecError:
        """The error for problems that show up after reading, with their places in the file."""
        return SpecError(self._document.locate(problems))

    @property
    def worker_evaluation(self) -> trial.Evaluation:
        """How to evaluate, as workers get it."""
        evaluation = self.evaluation.for_worker
        metrics = tuple(metric.for_worker for metric in self.metrics)
        return replace(evaluation, metrics=metrics) if metrics else evaluation

    def canonical(self) -> dict[str, Any]:
        """JSON data with every default written out, from which `spec_from_dict` makes the same sweep."""
        data: dict[str, Any] = _plain(self)
        return data


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        fields = {info.alias or key: getattr(value, key) for key, info in type(value).model_fields.items()}
        useful = {"name", *SCHEDULE_KEYS[value.name]} if isinstance(value, ScheduleSpec) else fields
        given = {key: _plain(fields[key]) for key in fields if key in useful and fields[key] not in (None, ())}
        return given | (value.model_extra or {})
    if isinstance(value, Fraction):
        return exact_text(value)
    if isinstance(value, Duration):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


_MODELS: dict[str, type[BaseModel]] = {
    "": SweepSpec,
    "dense": DenseSpec,
    "pruning": PruningSpec,
    "recipe": RecipeSpec,
    "schedule": ScheduleSpec,
    "normalization": ChannelStatistics,
    "evaluation": EvaluationSpec,
    "validation": Holdout,
    "grid": GridSpec,
    "iterative": IterativeSpec,
    "resources": ResourcesSpec,
    DENSE_RESOURCES: DenseResourcesSpec,
    "limits": LimitsSpec,
    "failures": FailuresSpec,
    "retries": RetriesSpec,
}
"""The model of the mapping under each key; `""` is the whole file."""


def load_spec(path: str | os.PathLike[str], grid: dict[str, Any] | None = None) -> SweepSpec:
    """Read a sweep file; `grid` is the grid of a file that has none.

    Raises SpecError for mistakes in the file, InputError if it cannot be read.
    """
    try:
        content = Path(expanded(path)).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "check the path, or start from a sweep file that `prunesweep init` writes"
        if isinstance(error, IsADirectoryError):
            hint = "name a sweep file; `prunesweep resume STORE` continues a store"
        raise InputError(f"cannot read `{os.fspath(path)}`: {reason}", hint=hint) from None
    return _build(read_yaml(content, os.fspath(path)), grid)


def parse_spec(text: str, name: str = "sweep.yaml") -> SweepSpec:
    """The sweep in the text of a file, which errors call `name`. Raises SpecError."""
    return _build(read_yaml(text, name))


def spec_from_dict(data: dict[str, Any]) -> SweepSpec:
    """The sweep in JSON data, with keys as in a file. Raises SpecError."""
    try:
        plain = json.loads(json.dumps(data))
    except (TypeError, ValueError, RecursionError) as error:
        problem = LocatedProblem("sweep", "", None, f"must be JSON data: {error}", "use text, numbers, lists and dicts")
        raise SpecError([problem]) from None
    return _build(Document(plain))


def _explains(other: Problem, problem: Problem) -> bool:
    """Whether a problem is there only because another one is: a key that is misspelled or at the wrong level."""
    key = str(other.path[-1]) if other.path else ""
    is_here = _mapping_at(other.path[:-1]) == _mapping_at(problem.path)

    def is_for(wanted: str) -> bool:
        return wanted == other.stands_for or (other.is_unknown_key and is_meant(key, wanted))

    def is_misplaced(wanted: str) -> bool:
        return other.is_unknown_key and key == wanted and wanted not in COMMON

    return any((is_here and is_for(wanted)) or is_misplaced(wanted) for wanted in problem.missing) or any(
        is_for(wanted) for wanted in problem.follows_from
    )


def _mapping_at(path: KeyPath) -> KeyPath:
    """The path of a mapping, in which each list may hold only this one or begin with it."""
    return tuple(part for part in path if part != 0)


def _build(document: Document, grid: dict[str, Any] | None = None) -> SweepSpec:
    data = document.data
    if not isinstance(data, dict):
        hint = "start from a sweep file that `prunesweep init` writes"
        raise SpecError(document.locate([Problem((), "must be a mapping of `key: value` pairs", hint)]))
    version = data.get("version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        hint = f"upgrade prunesweep, which reads version {FORMAT_VERSION} here"
        raise SpecError(document.locate([Problem(("version",), "needs a newer prunesweep", hint)]))
    if grid is not None:
        data = {"grid": grid} | data
    problems = [*document.problems, *check(data)]
    try:
        spec = SweepSpec.model_validate(data)
    except ValidationError as error:
        problems += problems_of(error, _MODELS)
    problems = [
        with_place(problem, _MODELS) for problem in problems if not any(_explains(other, problem) for other in problems)
    ]
    if problems:
        raise SpecError(document.locate(problems))
    spec._document = document
    return spec
