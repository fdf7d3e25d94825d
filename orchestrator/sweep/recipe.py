"""How a sweep file says to train: optimizer, schedule, augmentation, precision."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import PlainValidator, model_validator

from orchestrator.sweep.fields import (
    Many,
    Name,
    Truth,
    duration,
    number,
    one_of,
    ratio,
    refuse,
    whole,
)
from orchestrator.sweep.mappings import AnyFunction, FixedKeys, NamedSpec, arguments_of, name_of
from orchestrator.sweep.values import MOST_DIGITS, Duration, digits, parse_ratio
from workers import trial
from workers.registry import closest

Positive = Annotated[float, number("a number above 0", lambda value: value > 0, "0.1")]
NotNegative = Annotated[float, number("a number, 0 or more", lambda value: value >= 0, "0")]
Finite = Annotated[float, number("a number", lambda value: True, "0.5")]
BatchNormMomentum = Annotated[float, number("above 0 and at most 1", lambda value: 0 < value <= 1, "0.1")]
Smoothing = Annotated[float, number("a number from 0 to below 1", lambda value: 0 <= value < 1, "0.1")]
Length = Annotated[Duration, duration("ep", "it")]
Moment = Annotated[Duration, duration("ep", "it", "%")]
Warmup = Annotated[Duration, duration("ep", "it", "%", or_zero=True)]
WarmupStart = Annotated[
    Fraction, ratio("a share between 0% and 100%", lambda value: 0 < value < 1, "write a value such as `1%`")
]
Precision = Annotated[Literal["fp32", "tf32", "bf16"], one_of("fp32", "tf32", "bf16", kind="precision")]

SCHEDULE_KEYS = {
    "constant": ("warmup", "warmup_from"),
    "piecewise": ("boundaries", "factors", "factor", "warmup", "warmup_from"),
    "cosine": ("final_rate", "warmup", "warmup_from"),
    "linear": ("final_rate", "warmup", "warmup_from"),
}
"""The schedules, and the keys that each of them uses."""


class OptimizerSpec(NamedSpec):
    """A class of torch.optim or `TFAdam`, its learning rate, and its other arguments."""

    lr: Positive


def _schedule_name(value: object) -> str:
    if not isinstance(value, str) or value not in SCHEDULE_KEYS:
        hint = closest(value if isinstance(value, str) else "", SCHEDULE_KEYS)
        raise refuse("unknown schedule", f"{hint}; a learning rate can depend only on the step")
    return value


class ScheduleSpec(FixedKeys):
    """The learning rate over the dense training, after a warm-up: linear from 0, or exponential from a share of `lr`.

    `piecewise`: `lr` times `factors[i]` after `boundaries[i]` (a single `factor` in a file means its powers).
    `cosine`, `linear`: from `lr` down to the rate `final_rate` at the end. `constant`: always `lr`.
    """

    name: Annotated[Literal["constant", "piecewise", "cosine", "linear"], PlainValidator(_schedule_name)] = "constant"
    boundaries: Many[Moment] = ()
    factors: Many[Positive] = ()
    final_rate: NotNegative = 0.0
    warmup: Warmup = Duration(Fraction(0), "it")
    warmup_from: WarmupStart | None = None

    @model_validator(mode="before")
    @classmethod
    def _powers(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "factor" not in data:
            return data
        if "factors" in data:
            raise refuse("cannot be combined with `factors`", "keep one of the two", at=("factor",))
        boundaries = data.get("boundaries")
        count = len(boundaries) if isinstance(boundaries, list) else 1
        try:
            factor = parse_ratio(data["factor"])
        except ValueError:
            factor = Fraction(0)
        if factor <= 0 or digits(factor) * count > MOST_DIGITS:
            raise refuse("must be a number above 0", "write a value such as `0.1`", at=("factor",))
        powers = [float(factor ** (index + 1)) for index in range(count)]
        return {key: value for key, value in data.items() if key != "factor"} | {"factors": powers}


class ChannelStatistics(FixedKeys):
    """Mean and standard deviation of each channel, for pixel values divided by 255."""

    mean: Many[Finite]
    std: Many[Positive]

    @model_validator(mode="after")
    def _same_channels(self) -> ChannelStatistics:
        if len(self.mean) != len(self.std):
            raise refuse("must have as many numbers as `mean`", "list one number for each channel", at=("std",))
        return self


def _normalization(value: object) -> str | ChannelStatistics:
    if isinstance(value, dict):
        return ChannelStatistics.model_validate(value)
    if value not in ("per_image", "none"):
        raise refuse("unknown normalization", "write `per_image`, `none`, or `{mean: [0.5], std: [0.25]}`")
    return str(value)


class RecipeSpec(FixedKeys):
    """How dense networks are trained, on which retraining is based.

    `fine_tuning_rate` replaces the last learning rate in the techniques that hold it. Those techniques need it if the
    schedule does not end with a constant rate. The other fields are those of `workers.trial.Recipe`.
    """

    name: Name = "default"
    duration: Length
    batch_size: Annotated[int, whole(1)]
    optimizer: OptimizerSpec
    schedule: ScheduleSpec = ScheduleSpec()
    fine_tuning_rate: Positive | None = None
    decay_batch_norm: Truth = True
    batch_norm_momentum: BatchNormMomentum | None = None
    batch_norm_group: Annotated[int, whole(2)] | None = None
    crop_padding: Annotated[int, whole(0, 1000)] = 0
    horizontal_flip: Truth = False
    random_resized_crop: Truth = False
    normalization: Annotated[Literal["per_image", "none"] | ChannelStatistics, PlainValidator(_normalization)] = (
        "per_image"
    )
    label_smoothing: Smoothing = 0.0
    clip_grad_norm: Positive | None = None
    clip_group: Annotated[int, whole(1)] | None = None
    precision: Precision = "fp32"
    threads: Annotated[int, whole(1, 1024)] = 1
    loss: AnyFunction = trial.CROSS_ENTROPY
    deterministic: Truth = True

    @model_validator(mode="after")
    def _smooths_only_cross_entropy(self) -> RecipeSpec:
        if self.label_smoothing and name_of(self.loss) != trial.CROSS_ENTROPY:
            raise refuse(
                f"has no effect on loss `{name_of(self.loss)}`", "remove one of the two", at=("label_smoothing",)
            )
        return self

    @model_validator(mode="after")
    def _batches_are_whole_groups(self) -> RecipeSpec:
        if self.batch_norm_group and self.batch_size % self.batch_norm_group:
            message = f"must divide `batch_size` ({self.batch_size:,}) without a remainder"
            raise refuse(message, "use a divisor of `batch_size`, or remove it", at=("batch_norm_group",))
        return self

    @model_validator(mode="after")
    def _clips_whole_groups(self) -> RecipeSpec:
        if self.clip_group and self.clip_grad_norm is None:
            raise refuse("has no effect without `clip_grad_norm`", "add it, or remove this", at=("clip_group",))
        if self.clip_group and self.batch_size % self.clip_group:
            message = f"must divide `batch_size` ({self.batch_size:,}) without a remainder"
            raise refuse(message, "use a divisor of `batch_size`, or remove it", at=("clip_group",))
        return self

    @property
    def for_worker(self) -> trial.Recipe:
        """The recipe as workers get it."""
        same = {key: value for key, value in self if key in _SAME}
        statistics = self.normalization
        if isinstance(statistics, ChannelStatistics):
            same["normalization"] = [list(statistics.mean), list(statistics.std)]
        same |= {"loss": name_of(self.loss), "loss_arguments": arguments_of(self.loss)}
        return trial.Recipe(optimizer=self.optimizer.name, optimizer_arguments=self.optimizer.arguments, **same)


_SAME = RecipeSpec.model_fields.keys() & trial.Recipe.__dataclass_fields__.keys() - {"optimizer"}
"""The fields that workers get as they are in the file."""
