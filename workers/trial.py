"""What can be asked of a worker: a trial's settings and its id.

A trial is a start state, a program (learning rates and a mask rule) and a data stream; its id is the hash of
exactly that. What does not change the numbers (names, paths, resources, the list of stops, how to evaluate)
is not in it, so two cells that would do the same work get the same trial.

Imports no torch: planning hashes tens of thousands of trials.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any, Literal, NamedTuple

NUMERICS_VERSION = 1
"""Raised whenever a change to prunesweep alters the bits that a trial computes. Part of every id."""

ID_LENGTH = 20

Precision = Literal["fp32", "tf32", "bf16"]

CROSS_ENTROPY = "cross_entropy"
TOKEN_CROSS_ENTROPY = "token_cross_entropy"

ACCURACY = "accuracy"


class Stop(NamedTuple):
    """A point on a trial's trajectory: the state after `step` optimizer steps."""

    trial: str
    step: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """Where data come from. Only the fingerprint and the number of held-out examples are part of an id.

    `arguments` locate the data (paths, column names); `fingerprint` says what they must contain. `holdout` training
    examples, always the same ones, are used for validation only (0: validate on a part of the test set, as the paper
    does).
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    holdout: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A network: its registered name, and the keyword arguments that build it."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How to train, except for how long and at which learning rates.

    `optimizer` names a class of torch.optim or `TFAdam`, `optimizer_arguments` are its keyword arguments without `lr`.
    `loss` is a name of `workers.training.loss_names` or `module:function`, (outputs, targets) to a scalar. Images are
    augmented by `crop_padding` (pixels), `horizontal_flip` and, in files, `random_resized_crop`; `normalization` is
    `per_image` (zero mean and unit variance over each whole image; paper, section 3), `none` (pixels over 255), or a
    (mean, std) pair of per-channel lists. `batch_norm_momentum` is in torch's sense (the weight of the new batch); None
    keeps the network's. BatchNorm normalizes each `batch_norm_group` consecutive examples apart (paper, ImageNet: 128),
    None: the whole batch. The gradient of each `clip_group` consecutive examples is clipped to `clip_grad_norm` apart,
    and then added up (None: that of the whole batch is). `threads` (on a CPU) can change the last bits; without
    `deterministic`, so can every run.
    """

    batch_size: int
    optimizer: str
    optimizer_arguments: dict[str, Any] = field(default_factory=dict)
    decay_batch_norm: bool = True
    crop_padding: int = 0
    horizontal_flip: bool = False
    normalization: Any = "per_image"
    label_smoothing: float = 0.0
    clip_grad_norm: float | None = None
    batch_norm_momentum: float | None = None
    precision: Precision = "fp32"
    threads: int = 1
    loss: str = CROSS_ENTROPY
    random_resized_crop: bool = False
    deterministic: bool = True
    batch_norm_group: int | None = None
    loss_arguments: dict[str, Any] = field(default_factory=dict)
    clip_group: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What all trials with the same data set, network and recipe share. A new `code_version` makes new ids."""

    dataset: Dataset
    network: Network
    recipe: Recipe
    code_version: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A stretch of the learning-rate program; `workers.schedules` has the rate at each of its steps.

    `steps` is how many steps it lasts (None: without end). A ramp (any other shape) goes from `rate` to `final` over
    `length` steps, and this stretch starts `offset` steps into it; a constant stretch has only a `rate`.
    """

    shape: Literal["constant", "linear", "cosine", "exponential"] = "constant"
    rate: float
    steps: int | None = None
    final: float | None = None
    length: Fraction | None = None
    offset: Fraction = Fraction(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pruning:
    """Which weights may be pruned, and how they are chosen (score × distribution × structure: see `workers.pruning`).

    `layers` names the rule for structure `filters`. `exclude` has patterns (fnmatch) of parameter names that are never
    pruned, `include` of parameters that are, in addition to the weights of layers (see
    `workers.models.build.prunable`). `score` and `distribution` may be `module:function`, with arguments.
    """

    score: str = "magnitude"
    distribution: str = "global"
    structure: str = "unstructured"
    layers: str | None = None
    exclude: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    score_arguments: dict[str, Any] = field(default_factory=dict)
    distribution_arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskRule:
    """The mask of a trial: the weights and mask at stop `source`, pruned to exactly `density` of the prunable weights.

    With structure `filters`, the mask loses the given number of `filters` of each layer instead, and `density` is what
    the paper counts for that (see `workers.pruning.filters.structured_density`).
    """

    source: Stop
    density: Fraction
    pruning: Pruning
    filters: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pretrained:
    """A dense network that was trained elsewhere, in the file `path`; only the file's checksum is part of an id."""

    path: str
    checksum: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One training trajectory.

    `start` is the stop whose weights, optimizer state and buffers it starts from (None: freshly initialized from the
    seed of (replicate, stage)). `mask` is None for a dense training. `stage` names the data stream: `dense`, `reinit`,
    or the round of retraining (`1` for one-shot). With a `rate_floor`, all rates are multiplied by a factor from it to
    1 that depends on what pruning removes (see `workers.pruning.adaptive`). A `pretrained` network is dense, and
    finished at step 0.
    """

    task: Task
    replicate: int
    stage: str
    rates: tuple[Segment, ...]
    start: Stop | None = None
    mask: MaskRule | None = None
    rate_floor: Fraction | None = None
    pretrained: Pretrained | None = None

    @property
    def parents(self) -> tuple[Stop, ...]:
        """The stops whose checkpoints this trial reads, without duplicates."""
        sources = (self.start, self.mask.source if self.mask else None)
        return tuple(dict.fromkeys(stop for stop in sources if stop is not None))

    @property
    def pruning_round(self) -> str:
        """What seeds a random mask, together with the replicate: all techniques get the same mask in a round."""
        return "1" if self.stage == "reinit" else self.stage


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """What networks are judged by: a name of `workers.metrics`, a class of torchmetrics or of the user, with arguments.

    `label`, `unit` and `higher_is_better`, where they are given, replace what the metric says of itself.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    label: str = ""
    unit: str | None = None
    higher_is_better: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """How a stop is evaluated: part of the key of its record, but of no trial's id.

    `validation_share` of the test set is used for validation, the rest for test (paper: one fifth); None if validation
    examples are held out of training. `batch_norm_batches` > 0 first estimates BatchNorm statistics again, on that many
    training batches (a control). The first of the `metrics` is the primary one; the others are recorded, too.
    """

    validation_share: Fraction | None = Fraction(1, 5)
    batch_norm_batches: int = 0
    metrics: tuple[Metric, ...] = (Metric(name=ACCURACY),)

    @property
    def key(self) -> str:
        """Eight hexadecimal digits that name these settings."""
        return digest(canonical(self))[:8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A trial and its requested stops: `records` are the steps to evaluate, `checkpoints` those to keep."""

    trial: Trial
    records: tuple[int, ...]
    checkpoints: tuple[int, ...]
    evaluation: Evaluation = field(default_factory=Evaluation)
    ranks: int = 1  # processes that share every batch, each on a device
    is_new: bool = False  # the store has no stops, states or logs of the trial, so that no worker need look

    @property
    def last_step(self) -> int:
        return max(self.records + self.checkpoints)


def trial_id(trial: Trial) -> str:
    """The id of a trial: the first 20 hexadecimal digits of SHA-256 over its canonical settings."""
    settings = canonical(trial)
    dataset = trial.task.dataset
    settings["task"]["dataset"] = {"fingerprint": dataset.fingerprint}
    if dataset.holdout:
        settings["task"]["dataset"]["holdout"] = dataset.holdout
    if trial.pretrained:
        settings["pretrained"] = {"checksum": trial.pretrained.checksum}
    settings["numerics"] = NUMERICS_VERSION
    return digest(settings)[:ID_LENGTH]


def canonical(value: Any) -> Any:
    """Plain JSON data without fields at their defaults, so that adding a field keeps old ids."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        settings = ((name, getattr(value, name), default) for name, default in _defaults(type(value)))
        return {name: canonical(setting) for name, setting, default in settings if setting != default}
    return str(value) if isinstance(value, Fraction) else value


def digest(data: Any) -> str:
    """SHA-256 of JSON data with sorted keys, as hexadecimal digits."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def job_to_json(job: Job) -> dict[str, Any]:
    """The inverse of `job_from_json`."""
    return dict(canonical(job))


def job_from_json(data: dict[str, Any]) -> Job:
    """A job as a worker receives it. Raises KeyError or TypeError for anything but the data of `job_to_json`."""
    return Job(
        trial=trial_from_json(data["trial"]),
        records=tuple(data["records"]),
        checkpoints=tuple(data["checkpoints"]),
        evaluation=evaluation_from_json(data.get("evaluation", {})),
        **{key: data[key] for key in ("ranks", "is_new") if key in data},
    )


def evaluation_from_json(data: dict[str, Any]) -> Evaluation:
    """Evaluation settings from their canonical form."""
    if data.get("validation_share") is not None:
        data = data | {"validation_share": Fraction(data["validation_share"])}
    if "metrics" in data:
        data = data | {"metrics": tuple(Metric(**metric) for metric in data["metrics"])}
    return Evaluation(**data)


def trial_from_json(data: dict[str, Any]) -> Trial:
    """A trial from its canonical form."""
    task, mask = data["task"], data.get("mask")
    return Trial(
        task=Task(
            dataset=Dataset(**task["dataset"]),
            network=Network(**task["network"]),
            recipe=Recipe(**task["recipe"]),
            code_version=task.get("code_version"),
        ),
        replicate=data["replicate"],
        stage=data["stage"],
        rates=tuple(segment_from_json(segment) for segment in data["rates"]),
        start=Stop(*data["start"]) if "start" in data else None,
        rate_floor=Fraction(data["rate_floor"]) if "rate_floor" in data else None,
        pretrained=Pretrained(**data["pretrained"]) if "pretrained" in data else None,
        mask=None
        if mask is None
        else MaskRule(
            source=Stop(*mask["source"]),
            density=Fraction(mask["density"]),
            pruning=_pruning(mask["pruning"]),
            filters=mask.get("filters", {}),
        ),
    )


def segment_from_json(data: dict[str, Any]) -> Segment:
    exact: dict[str, Any] = {name: Fraction(data[name]) for name in ("length", "offset") if name in data}
    return Segment(**(data | exact))


def _pruning(data: dict[str, Any]) -> Pruning:
    patterns = {key: tuple(data.get(key, ())) for key in ("exclude", "include")}
    return Pruning(**(data | patterns))


@cache  # planning asks for the same few classes tens of thousands of times
def _defaults(settings: type) -> tuple[tuple[str, Any], ...]:
    """The name and the default of each field of a dataclass."""
    fields = dataclasses.fields(settings)
    return tuple((f.name, f.default_factory() if callable(f.default_factory) else f.default) for f in fields)
