"""What a sweep file can say of metrics, and what is refused."""

from __future__ import annotations

import pytest

from orchestrator.sweep.spec import spec_from_dict
from tests.support.sweeps import messages_of, sweep
from workers.trial import ACCURACY, Evaluation, Metric, canonical, evaluation_from_json


def evaluation(metric):
    return spec_from_dict(sweep(metric=metric)).worker_evaluation


def test_accuracy_is_the_default_and_leaves_no_trace():
    plain = spec_from_dict(sweep())
    said = spec_from_dict(sweep(metric=[{"name": ACCURACY}]))
    assert plain.worker_evaluation == said.worker_evaluation == Evaluation()
    assert plain.canonical() == said.canonical()
    assert "metric" not in plain.canonical()
    assert Evaluation().key == "44136fa3"  # as before there were metrics


def test_the_first_of_several_is_the_primary_one():
    metrics = [
        {"name": "rmse", "unit": "mg/dl"},
        {"name": "f1", "average": "micro", "label": "f1_micro"},
        {"name": "torchmetrics.MatthewsCorrCoef", "task": "binary", "higher_is_better": True},
        "mine:Worst",
    ]
    expected = (
        Metric(name="rmse", unit="mg/dl"),
        Metric(name="f1", arguments={"average": "micro"}, label="f1_micro"),
        Metric(name="torchmetrics.MatthewsCorrCoef", arguments={"task": "binary"}, higher_is_better=True),
        Metric(name="mine:Worst"),
    )
    found = evaluation(metrics)
    assert found.metrics == expected
    assert evaluation_from_json(canonical(found)) == found
    again = spec_from_dict(spec_from_dict(sweep(metric=metrics)).canonical())
    assert again.worker_evaluation == found
    assert len({found.key, evaluation("rmse").key, evaluation("mae").key, Evaluation().key}) == 4


@pytest.mark.parametrize(
    ("metric", "field", "message"),
    [
        ("acuracy", "metric", "unknown metric"),
        ({"name": "f1", "averge": "micro"}, "metric.averge", "unknown argument of `f1`"),
        ({"name": "f1", "average": 1}, "metric.average", "must be text"),
        ({"name": "rmse", "higher_is_better": False}, "metric.higher_is_better", "is known of `rmse`"),
        ({"name": "auroc", "unit": "percent"}, "metric.unit", "is known of `auroc`"),
        ({"name": "mine:Worst", "higher_is_better": "no"}, "metric.higher_is_better", "must be true or false"),
        (["rmse", "mine:rmse"], "metric[1]", "has the name of another metric"),
        ({"name": "rmse", "label": "loss"}, "metric.label", "is the name of another column of results"),
        ({"name": "rmse", "label": "a b"}, "metric.label", "must be at most 40 letters"),
        ("torchmetrics.F1-Score", "metric", "is not a valid name of a class"),
        ("mine.py:Worst", "metric", "must name a module, not a file"),
        ({"average": "micro"}, "metric", "`name` is missing"),
        ([], "metric", "must not be empty"),
    ],
)
def test_mistakes(metric, field, message):
    messages = messages_of(sweep(metric=metric))
    assert {name: text[: len(message)] for name, text in messages.items()} == {field: message}
