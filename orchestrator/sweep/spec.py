"""What is asked: a sweep file as frozen, checked settings.

Keys are as in the file; those that may hold a list there are tuples here, most with a plural name. `load_spec`,
`parse_spec` and `spec_from_dict` refuse whatever cannot be run, with every mistake at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, PlainValidator, PrivateAttr, ValidationError

from orchestrator.sweep.checks import DENSE, check
from orchestrator.sweep.dense import DenseSpec
from orchestrator.sweep.fields import (
    MOST_LEVELS,
    MOST_ROUNDS,
    Compression,
    Density,
    Gpus,
    Many,
    Name,
    Replicates,
    Text,
    TimeLimit,
    call_text,
    duration,
    one_of,
    ratio,
    refuse,
    whole,
)
from orchestrator.sweep.problems import Complaint, Problem, SpecError
from orchestrator.sweep.pydantic_problems import complaints_of
from orchestrator.sweep.recipe import SCHEDULE_KEYS, ChannelStatistics, NamedSpec, RecipeSpec, ScheduleSpec, Settings
from orchestrator.sweep.values import Duration, exact_text, parse_ratio
from orchestrator.sweep.yaml_source import Source, read_yaml
from workers import trial
from workers.errors import InputError
from workers.pruning import DISTRIBUTIONS, SCORES, STRUCTURES
from workers.pruning.filters import LAYERS
from workers.techniques import TECHNIQUES

__all__ = [
    "DatasetSpec",
    "EvaluationSpec",
    "GridSpec",
    "NetworkSpec",
    "PruningSpec",
    "RecipeSpec",
    "SpecError",
    "SweepSpec",
    "load_spec",
    "parse_spec",
    "spec_from_dict",
]

FORMAT_VERSION = 1

Budget = Annotated[Duration, duration("%", "ep", "it")]
Share = Annotated[Fraction, ratio("a share between 0% and 100%", lambda value: 0 < value < 1, "for example `20%`")]


def _by_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


class DatasetSpec(NamedSpec):
    """A data set by its registered name, with its arguments."""


class NetworkSpec(NamedSpec):
    """A network by its registered name, with its arguments."""


Datasets = Many[Annotated[DatasetSpec, BeforeValidator(_by_name)]]
Networks = Many[Annotated[NetworkSpec, BeforeValidator(_by_name)]]


class PruningSpec(Settings):
    """Which weights may go, and how they are chosen. `layers` is for structure `filters`, and only for that."""

    score: Annotated[str, one_of(*SCORES, kind="score")] = "magnitude"
    distribution: Annotated[str, one_of(*DISTRIBUTIONS, kind="distribution")] = "global"
    structure: Annotated[str, one_of(*STRUCTURES, kind="structure")] = "unstructured"
    layers: Annotated[str | None, one_of(*LAYERS, kind="rule")] = None
    exclude: Many[Text] = ()
    include: Many[Text] = ()

    @property
    def settings(self) -> trial.Pruning:
        """What a worker is told of it."""
        return trial.Pruning(**dict(self))

    @property
    def label(self) -> str:
        """`magnitude` when all is default, else with what differs: `magnitude(exclude=[classifier.*])`."""
        defaults = type(self).model_fields
        special = [(key, value) for key, value in self if key != "score" and value != defaults[key].default]
        return call_text(self.score, special)


class Holdout(Settings):
    """Validation images that are taken from the training set."""

    holdout: Annotated[int, whole(1)]


def _validation(value: object) -> Fraction | Holdout:
    if isinstance(value, dict):
        return Holdout.model_validate(value)
    try:
        share = parse_ratio(value)
    except ValueError:
        share = Fraction(0)
    if not 0 < share < 1:
        message = "must be a share of the test set between 0% and 100%, or images held out from training"
        raise refuse(message, "for example `20%` or `{holdout: 5000}`")
    return share


class EvaluationSpec(Settings):
    """How stops are evaluated. `validation` is a share of the test set, or images held out from training."""

    validation: Annotated[Fraction | Holdout, PlainValidator(_validation)] = Fraction(1, 5)
    batch_norm_batches: Annotated[int, whole(0)] = 0

    @property
    def holdout(self) -> int:
        """How many images are held out from training."""
        return self.validation.holdout if isinstance(self.validation, Holdout) else 0

    @property
    def settings(self) -> trial.Evaluation:
        """What a worker is told of it."""
        share = None if isinstance(self.validation, Holdout) else self.validation
        return trial.Evaluation(validation_share=share, batch_norm_batches=self.batch_norm_batches)


class IterativeSpec(Settings):
    """`rate` of the remaining weights goes in each of `rounds` rounds; every round is a cell.

    The budget is for each round (`per_round`), or one for all of them together (`total`), split evenly.
    """

    rounds: Annotated[int, whole(1, MOST_ROUNDS)]
    rate: Share
    budget_is: Annotated[str, one_of("per_round", "total", kind="choice")] = "per_round"


class GridSpec(Settings):
    """One full product. Axes that are not given here (None) are those of the whole sweep.

    Exactly one of `compression`, `density`, `iterative` and `levels` is given, or none in an entry of dense networks
    only. `levels` say how often the rule of `layers` is applied where filters are pruned.
    `recipe` are names of recipes.
    """

    techniques: Many[Annotated[str, one_of(*TECHNIQUES, DENSE, kind="technique")]] = Field(alias="technique")
    compression: Many[Compression] | None = None
    density: Many[Density] | None = None
    iterative: IterativeSpec | None = None
    levels: Many[Annotated[int, whole(1, MOST_LEVELS)]] | None = None
    budgets: Many[Budget] = Field((), alias="budget")
    replicates: Replicates = (0,)
    datasets: Datasets | None = Field(None, alias="dataset")
    networks: Networks | None = Field(None, alias="network")
    prunings: Many[PruningSpec] | None = Field(None, alias="pruning")
    recipe: Many[Text] | None = None

    @property
    def densities(self) -> tuple[Fraction, ...]:
        """The densities of one-shot pruning, in the order of the file; empty for iterative pruning and levels."""
        return self.density or tuple(1 / ratio for ratio in self.compression or ())


class ResourcesSpec(Settings):
    """What one trial gets. `gpus` is a whole number, or 1/k: k trials share one."""

    cpus: Annotated[int, whole(1, 10_000)] = 1
    gpus: Gpus = Fraction(0)


class LimitsSpec(Settings):
    """Guards against typing errors, and against trials that do not end."""

    max_cells: Annotated[int, whole(1)] = 100_000
    trial_timeout: TimeLimit | None = None


class RetriesSpec(Settings):
    """How often a trial is tried again after a failure of each class that trying again may mend."""

    lost_worker: Annotated[int, whole(0, 1000)] = 2
    io: Annotated[int, whole(0, 1000)] = 3
    timeout: Annotated[int, whole(0, 1000)] = 1


class FailuresSpec(Settings):
    """What to do about trials that fail."""

    retries: RetriesSpec = RetriesSpec()


def _version(value: object) -> int:
    if value is not True and value == FORMAT_VERSION:
        return FORMAT_VERSION
    raise refuse(f"must be {FORMAT_VERSION}", "it is the version of this format, not of your sweep")


class SweepSpec(Settings):
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
    evaluation: EvaluationSpec = EvaluationSpec()
    grids: Many[GridSpec] = Field(alias="grid")
    store: Text | None = None
    keep: Annotated[Literal["all", "results_only"], one_of("all", "results_only", kind="choice")] = "all"
    resources: ResourcesSpec = ResourcesSpec()
    limits: LimitsSpec = LimitsSpec()
    failures: FailuresSpec = FailuresSpec()
    _source: Source = PrivateAttr(default_factory=lambda: Source(None))

    def __eq__(self, other: object) -> bool:
        """Whether the same is asked, wherever it was written."""
        return isinstance(other, SweepSpec) and self.canonical() == other.canonical()

    def refusal(self, complaints: Iterable[Complaint]) -> SpecError:
        """The error for what turned out to be wrong after reading, shown where it was written."""
        return SpecError(self._source.problems(complaints))

    def canonical(self) -> dict[str, Any]:
        """JSON data with every default written out; `spec_from_dict` gives the same sweep back."""
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
    "limits": LimitsSpec,
    "failures": FailuresSpec,
    "retries": RetriesSpec,
}
"""What the mapping under each key is made into."""


def load_spec(path: str | os.PathLike[str], grid: dict[str, Any] | None = None) -> SweepSpec:
    """Read a sweep file; `grid` stands in for one that it may leave out.

    Raises SpecError for what is wrong in it, InputError where it cannot be read at all.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "check the path; `prunesweep init` writes a sweep file to start from"
        raise InputError(f"cannot read `{os.fspath(path)}`: {reason}", hint=hint) from None
    return _build(read_yaml(content, os.fspath(path)), grid)


def parse_spec(text: str, name: str = "sweep.yaml") -> SweepSpec:
    """The sweep in the text of a file; `name` is what errors call it. Raises SpecError."""
    return _build(read_yaml(text, name))


def spec_from_dict(data: dict[str, Any]) -> SweepSpec:
    """The sweep in JSON data, with keys as in a file. Raises SpecError."""
    try:
        plain = json.loads(json.dumps(data))
    except (TypeError, ValueError, RecursionError) as error:
        message = f"is not JSON data: {error}"
        raise SpecError([Problem("sweep", "", None, message, "give text, numbers, lists and dicts only")]) from None
    return _build(Source(plain))


def _build(source: Source, grid: dict[str, Any] | None = None) -> SweepSpec:
    data = source.data
    if not isinstance(data, dict):
        remedy = "`prunesweep init` writes a sweep file to start from"
        raise SpecError(source.problems([Complaint((), "a sweep must be a mapping of `key: value`", remedy)]))
    version = data.get("version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        remedy = f"upgrade prunesweep; this one reads version {FORMAT_VERSION}"
        raise SpecError(source.problems([Complaint(("version",), "is of a newer prunesweep", remedy)]))
    if grid is not None:
        data = {"grid": grid} | data
    complaints = [*source.complaints, *check(data)]
    try:
        spec = SweepSpec.model_validate(data)
    except ValidationError as error:
        complaints += complaints_of(error, _MODELS)
    if complaints:
        raise SpecError(source.problems(complaints))
    spec._source = source
    return spec
