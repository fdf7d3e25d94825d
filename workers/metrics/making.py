"""Metrics from their settings: registered ones, classes of torchmetrics, and the user's own."""

from __future__ import annotations

import importlib
from typing import Any

from torch import Tensor, nn

from workers.errors import BadInput, InputError
from workers.metrics import METRICS, TORCHMETRICS, planned_facts, short_name
from workers.metrics.facts import MetricFacts
from workers.metrics.scorer import Scorer
from workers.registry import Entry, call, load_function, load_own, lookup, misspelled, parameters_of
from workers.registry.extras import imported
from workers.trial import Metric

_DOMAINS = ("classification", "regression", "text", "image", "retrieval", "segmentation", "nominal", "clustering")
"""Modules of torchmetrics that are searched before its top level, where some classes warn that they have moved."""


def make_metric(setting: Metric, data: Any = None) -> tuple[MetricFacts, Scorer]:
    """A new scorer with its facts. One that names an argument `data` gets the data set, a `workers.data.source.Data`.

    Raises InputError for an unknown metric, for arguments that it does not take, and for an unknown direction, and
    BadInput if the user's own fails or does not return a scorer.
    """
    if setting.name.startswith(TORCHMETRICS):
        scorer: Any = _TorchMetric(setting)
        return _facts(setting, scorer.metric), scorer
    found = lookup(METRICS, setting.name, "metric")
    given = {"data": data} if "data" in (parameters_of(load_function(found, setting.name)) or ()) else {}
    scorer = call(found, "metric", setting.name, {**setting.arguments, **given})
    if setting.name in METRICS:
        return planned_facts(setting), scorer
    _check_scorer(setting.name, scorer)
    return _facts(setting, scorer), scorer


def import_metric(setting: Metric) -> None:
    """Import what computes a metric: see `workers.training.process.import_code`."""
    if setting.name.startswith(TORCHMETRICS):
        _torchmetrics_class(setting.name)
    elif setting.name not in METRICS:
        load_own(setting.name)


def _check_scorer(name: str, scorer: Any) -> None:
    update = "update_with" if getattr(scorer, "needs_network", False) else "update"
    for method in (update, "compute"):
        if not callable(getattr(scorer, method, None)):
            raise BadInput(
                f"metric `{name}` must have a method `{method}`: {type(scorer).__name__}",
                hint="name a class with `update(outputs, targets)` and `compute()`, or a function that returns such an "
                "object",
            )


def _facts(setting: Metric, scorer: Any) -> MetricFacts:
    """What the sweep file says of a metric, else what the metric says of itself. Raises InputError for no direction."""
    higher = getattr(scorer, "higher_is_better", None) if setting.higher_is_better is None else setting.higher_is_better
    if not isinstance(higher, bool):
        raise InputError(
            f"metric `{setting.name}` must say whether higher scores are better",
            hint="add `higher_is_better: true` or `false` to it in the sweep file, or as an attribute of its class",
        )
    unit = getattr(scorer, "unit", "") if setting.unit is None else setting.unit
    if not isinstance(unit, str):
        raise InputError(
            f"the `unit` of metric `{setting.name}` must be text: {unit}", hint='write it as `unit = "ms"`'
        )
    return MetricFacts(setting.label or short_name(setting.name), unit, higher)


class _TorchMetric:
    """A metric of torchmetrics, on the device of what it is given."""

    def __init__(self, setting: Metric) -> None:
        kind = _torchmetrics_class(setting.name)
        entry = Entry(factory=f"{kind.__module__}:{kind.__qualname__}", summary="a class of torchmetrics", open=True)
        try:
            self.metric = call(entry, "metric", setting.name, setting.arguments)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"metric `{setting.name}`: {error}", hint="see its page in torchmetrics' manual"
            ) from error
        self._name = setting.name

    def update(self, outputs: Any, targets: Any) -> None:
        if isinstance(outputs, Tensor):
            self.metric.to(outputs.device)
        self.metric.update(outputs, targets)

    def compute(self) -> float:
        score = self.metric.compute()
        if not isinstance(score, Tensor) or score.numel() != 1:
            returned = f"a tensor of shape {tuple(score.shape)}" if isinstance(score, Tensor) else type(score).__name__
            raise BadInput(
                f"metric `{self._name}` must return one number, not {returned}", hint="set its `average` to `macro`"
            )
        return float(score)


def _torchmetrics_class(name: str) -> type[nn.Module]:
    """The class of `torchmetrics.Name` or `torchmetrics.regression.Name`. Raises InputError if that is not found."""
    torchmetrics = imported("torchmetrics", "metrics")
    *path, last = name.removeprefix(TORCHMETRICS).split(".")
    modules = [".".join(path)] if path else [*_DOMAINS, ""]
    for module in modules:
        kind = getattr(_module(module), last, None)
        if _is_metric(kind, torchmetrics.Metric):
            return kind  # type: ignore[return-value]
    names = [key for key, value in vars(torchmetrics).items() if _is_metric(value, torchmetrics.Metric)]
    near = misspelled(last, names)
    hint = f"did you mean `{near}`?" if near else "its manual lists them: lightning.ai/docs/torchmetrics"
    raise InputError(f"torchmetrics has no metric `{last}`", hint=hint)


def _is_metric(value: Any, base: type) -> bool:
    return isinstance(value, type) and issubclass(value, base) and value is not base


def _module(name: str) -> Any:
    try:
        return importlib.import_module(f"torchmetrics.{name}" if name else "torchmetrics")
    except ImportError:
        return None
