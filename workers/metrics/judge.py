"""Judging a network by a metric, with errors that name the metric and the examples."""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from workers.errors import BadInput, Diverged, PrunesweepError, about
from workers.metrics import METRICS
from workers.metrics.making import make_metric
from workers.metrics.scorer import Undefined
from workers.metrics.shapes import UnfitBatch
from workers.registry import described
from workers.trial import Metric

_ANOTHER = "choose a `metric` that fits what the network returns, or name your own as `module:Class`"


class UndefinedScore(BadInput):
    """Some examples do not have a score."""


class Judge:
    """One metric at work on one set of examples, which messages call `examples`. Raises the errors of `make_metric`."""

    def __init__(self, setting: Metric, examples: str = "examples", data: Any = None) -> None:
        with about("metric"):
            self.facts, self._scorer = make_metric(setting, data)
        self._name = setting.name
        self._examples = examples

    @property
    def signature(self) -> str | None:
        """How exactly the score was computed, once it is, if the metric says so."""
        return getattr(self._scorer, "signature", None)

    def update(self, network: nn.Module, inputs: Any, outputs: Any, targets: Any) -> None:
        """Take in a batch. Raises BadInput if the metric cannot be computed from it."""
        try:
            if getattr(self._scorer, "needs_network", False):
                self._scorer.update_with(network, inputs, targets)  # type: ignore[attr-defined]
            else:
                self._scorer.update(outputs, targets)
        except UnfitBatch as error:
            raise self._unfit(error) from error
        except Exception as error:
            if self._is_foreign(error):
                raise self._failed(error) from error
            raise

    def score(self) -> float:
        """The score of all examples, which is finite. Raises UndefinedScore if they have none, Diverged or BadInput."""
        try:
            score = float(self._scorer.compute())
        except Undefined as error:
            raise UndefinedScore(f"metric `{self._name}` is undefined on the {self._examples}: {error}") from error
        except UnfitBatch as error:
            raise self._unfit(error) from error
        except Exception as error:
            if self._is_foreign(error):
                raise self._failed(error) from error
            raise
        if math.isfinite(score):
            return score
        message = f"metric `{self._name}` of the {self._examples} is not finite: {score}"
        raise Diverged(message) if self._name in METRICS else UndefinedScore(message)

    def _is_foreign(self, error: Exception) -> bool:
        """Whether an error comes from the user's own metric or from torchmetrics."""
        return self._name not in METRICS and not isinstance(error, PrunesweepError)

    def _unfit(self, error: UnfitBatch) -> BadInput:
        return BadInput(f"metric `{self._name}`: {error}", hint=_ANOTHER, about="metric")

    def _failed(self, error: Exception) -> BadInput:
        message = f"metric `{self._name}` failed on the {self._examples}: {described(error)}"
        return BadInput(message, hint=_ANOTHER, about="metric")
