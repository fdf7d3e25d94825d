"""Judging a network by a metric, with errors that name the metric and the examples."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

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
        self._is_nan: Tensor | bool = False

    @property
    def signature(self) -> str | None:
        """How exactly the score was computed, once it is, if the metric says so."""
        return getattr(self._scorer, "signature", None)

    def update(self, network: nn.Module, inputs: Any, outputs: Any, targets: Any) -> None:
        """Take in a batch. Raises BadInput if the metric cannot be computed from it."""
        with self._named():
            if getattr(self._scorer, "needs_network", False):
                self._scorer.update_with(network, inputs, targets)  # type: ignore[attr-defined]
            else:
                self._scorer.update(outputs, targets)
        if self._name in METRICS and isinstance(outputs, Tensor):
            self._is_nan = self._is_nan | outputs.isnan().any()  # on the device, where reading it would wait

    def score(self) -> float:
        """The score of all examples, which is finite. Raises UndefinedScore if they have none, Diverged or BadInput."""
        with self._named():
            score = math.nan if self._is_nan else float(self._scorer.compute())
        if math.isfinite(score):
            return score
        message = f"metric `{self._name}` of the {self._examples} is not finite: {score}"
        raise Diverged(message) if self._name in METRICS else UndefinedScore(message)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Let errors in the block name the metric; one of the user's own or of torchmetrics may raise anything."""
        try:
            yield
        except Undefined as error:
            raise UndefinedScore(f"metric `{self._name}` is undefined on the {self._examples}: {error}") from error
        except UnfitBatch as error:
            raise BadInput(f"metric `{self._name}`: {error}", hint=_ANOTHER, about="metric") from error
        except PrunesweepError:
            raise
        except Exception as error:
            if self._name in METRICS:
                raise
            message = f"metric `{self._name}` failed on the {self._examples}: {described(error)}"
            raise BadInput(message, hint=_ANOTHER, about="metric") from error
