"""How a sweep file says to evaluate networks."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from pydantic import PlainValidator

from orchestrator.sweep.fields import refuse, whole
from orchestrator.sweep.mappings import FixedKeys
from orchestrator.sweep.values import parse_ratio
from workers import trial


class Holdout(FixedKeys):
    """A number of validation examples to take from the training set."""

    holdout: Annotated[int, whole(1)]


def _validation(value: object) -> Fraction | Holdout:
    if isinstance(value, dict):
        return Holdout.model_validate(value)
    try:
        share = parse_ratio(value)
    except ValueError:
        share = Fraction(0)
    if not 0 < share < 1:
        message = "must be a share of the test set between 0% and 100%, or a number of examples to hold out of training"
        raise refuse(message, "write it as `20%` or `{holdout: 5000}`")
    return share


class EvaluationSpec(FixedKeys):
    """How to evaluate stops. `validation` is a share of the test set, or a number of examples held out of training."""

    validation: Annotated[Fraction | Holdout, PlainValidator(_validation)] = Fraction(1, 5)
    batch_norm_batches: Annotated[int, whole(0)] = 0

    @property
    def holdout(self) -> int:
        """The number of examples held out of training."""
        return self.validation.holdout if isinstance(self.validation, Holdout) else 0

    @property
    def for_worker(self) -> trial.Evaluation:
        """The evaluation as workers get it."""
        share = None if isinstance(self.validation, Holdout) else self.validation
        return trial.Evaluation(validation_share=share, batch_norm_batches=self.batch_norm_batches)
