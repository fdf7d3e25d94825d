"""Metrics: what networks are judged by. This module lists their names.

Importing this module and `facts` imports no torch. The room imports no store, no data and no training code.

A factory takes its own arguments and returns a `workers.metrics.scorer.Scorer`, which is given the outputs of the
network and the targets, batch by batch, and then has the score of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from workers.metrics.facts import PERCENT, MetricFacts
from workers.registry import Entry
from workers.trial import ACCURACY, Metric

TORCHMETRICS = "torchmetrics."
"""How names of torchmetrics' classes begin: `torchmetrics.MatthewsCorrCoef`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricEntry(Entry):
    """A registered metric, with its unit and direction, and whether it judges what the network generates."""

    unit: str = ""
    higher_is_better: bool = True
    needs_network: bool = False


_IGNORE_INDEX = {"ignore_index": int}

METRICS = {
    ACCURACY: MetricEntry(
        factory="workers.metrics.classification:Accuracy",
        summary="share of the targets that have the highest output, or are on the right side of a single logit",
        arguments=_IGNORE_INDEX,
        unit=PERCENT,
    ),
    "top5": MetricEntry(
        factory="workers.metrics.classification:Accuracy",
        summary="share of the targets that are among the five highest outputs",
        arguments=_IGNORE_INDEX,
        fixed={"k": 5},
        unit=PERCENT,
    ),
    "f1": MetricEntry(
        factory="workers.metrics.classification:F1",
        summary="harmonic mean of precision and recall; of several classes `macro`, `weighted` or `micro` as `average`",
        arguments={"average": str, **_IGNORE_INDEX},
        unit=PERCENT,
    ),
    "auroc": MetricEntry(
        factory="workers.metrics.ranking:AreaUnderCurve",
        summary="area under the receiver operating characteristic; of several classes each against the others",
        arguments=_IGNORE_INDEX,
        unit=PERCENT,
    ),
    "rmse": MetricEntry(
        factory="workers.metrics.regression:RootMeanSquaredError",
        summary="root of the mean squared error, in the unit of the targets; lower is better",
        higher_is_better=False,
    ),
    "mae": MetricEntry(
        factory="workers.metrics.regression:MeanAbsoluteError",
        summary="mean absolute error, in the unit of the targets; lower is better",
        higher_is_better=False,
    ),
    "r2": MetricEntry(
        factory="workers.metrics.regression:CoefficientOfDetermination",
        summary="share of the targets' variance that the outputs explain",
    ),
    "bleu": MetricEntry(
        factory="workers.metrics.bleu:Bleu",
        summary="BLEU of translations by beam search, by sacrebleu, lower-cased, with international tokens",
        arguments={
            "beams": int,
            "longest": int,
            "length_penalty": (int, float),
            "coverage_penalty": (int, float),
            "lowercase": bool,
            "tokenize": str,
        },
        unit="BLEU",
        needs_network=True,
    ),
    "perplexity": MetricEntry(
        factory="workers.metrics.language:Perplexity",
        summary="exponential of the mean cross-entropy of tokens, without those of `ignore_index`; lower is better",
        arguments=_IGNORE_INDEX,
        higher_is_better=False,
    ),
}


def planned_facts(setting: Metric) -> MetricFacts:
    """What is known of a metric before anything is judged by it: of the user's own, what the sweep file says."""
    entry = METRICS.get(setting.name, MetricEntry(factory="", summary=""))
    return MetricFacts(
        setting.label or short_name(setting.name),
        entry.unit if setting.unit is None else setting.unit,
        entry.higher_is_better if setting.higher_is_better is None else setting.higher_is_better,
    )


def short_name(name: str) -> str:
    """The name of a metric without its module, by which results know it: `MatthewsCorrCoef`."""
    return name.replace(":", ".").rpartition(".")[2]
