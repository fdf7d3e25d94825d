"""What a sweep file says networks are judged by."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator

from orchestrator.sweep.fields import Many, Text, Truth, refuse
from orchestrator.sweep.mappings import NamedSpec
from workers import trial

_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_TAKEN = ("score", "loss", "examples", "images")  # columns such as `test_loss` are something else


def _label(value: object) -> str:
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        hint = "columns of results are named after it: `test_<label>`"
        raise refuse("must be at most 40 letters, digits and `_`, and begin with a letter", hint)
    if value in _TAKEN:
        raise refuse("is the name of another column of results", "choose another label")
    return value


class MetricSpec(NamedSpec):
    """A metric by its name, with its arguments. `label`, `unit` and `higher_is_better` replace what it says itself."""

    given_label: Annotated[str, PlainValidator(_label)] | None = Field(None, alias="label")
    unit: Text | None = None
    higher_is_better: Truth | None = None

    @property
    def for_worker(self) -> trial.Metric:
        """The metric as workers get it."""
        return trial.Metric(
            name=self.name,
            arguments=self.arguments,
            label=self.given_label or "",
            unit=self.unit,
            higher_is_better=self.higher_is_better,
        )


def _by_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _without_default(metrics: tuple[MetricSpec, ...]) -> tuple[MetricSpec, ...]:
    """Accuracy alone is as good as nothing: sweeps are kept without it, as they were before there were metrics."""
    return () if metrics == (MetricSpec.model_validate({"name": trial.ACCURACY}),) else metrics


Metrics = Annotated[Many[Annotated[MetricSpec, BeforeValidator(_by_name)]], AfterValidator(_without_default)]
"""The primary metric and the others that are recorded; empty for accuracy."""
