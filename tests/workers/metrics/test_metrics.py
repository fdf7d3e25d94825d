"""Metrics against scikit-learn and by hand, however the examples are cut into batches."""

from __future__ import annotations

import math
import re
import sys
import warnings

import pytest
import sklearn.metrics
import torch
from torch import nn

from tests.support.places import ROOT
from workers.errors import BadInput, Diverged, InputError
from workers.metrics import METRICS
from workers.metrics.facts import MetricFacts
from workers.metrics.judge import Judge, UndefinedScore
from workers.metrics.making import make_metric
from workers.trial import Metric

NETWORK = nn.Identity()
EXAMPLES = 103


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def judged(metric, outputs, targets, batch=17):
    """The score of outputs that are given in batches."""
    judge = Judge(metric if isinstance(metric, Metric) else Metric(name=metric), "test examples")
    for begin in range(0, len(targets), batch):
        judge.update(NETWORK, None, outputs[begin : begin + batch], targets[begin : begin + batch])
    return judge.score()


LOGITS = drawn(EXAMPLES, 7)
LABELS = (LOGITS + drawn(7, EXAMPLES).T * 2).argmax(1)
VALUES = 1e4 + drawn(EXAMPLES)
GUESSES = VALUES + 0.5 * drawn(1, EXAMPLES)[0]
ONES = (VALUES.median() < VALUES).long()
SKLEARN = {
    "accuracy": sklearn.metrics.accuracy_score(LABELS, LOGITS.argmax(1)),
    "top5": sklearn.metrics.top_k_accuracy_score(LABELS, LOGITS, k=5),
    "f1": sklearn.metrics.f1_score(LABELS, LOGITS.argmax(1), average="macro"),
    "auroc": sklearn.metrics.roc_auc_score(LABELS, LOGITS.double().softmax(1), multi_class="ovr"),
    "perplexity": math.exp(nn.functional.cross_entropy(LOGITS, LABELS)),
}


@pytest.mark.parametrize("batch", [1, 17, EXAMPLES])
@pytest.mark.parametrize("name", SKLEARN)
def test_scores_of_classes_are_those_of_scikit_learn(name, batch):
    assert judged(name, LOGITS, LABELS, batch) == pytest.approx(SKLEARN[name], rel=1e-6)


@pytest.mark.parametrize("batch", [1, 17, EXAMPLES])
def test_scores_of_numbers_are_those_of_scikit_learn(batch):
    values, guesses = VALUES.double().numpy(), GUESSES.double().numpy()
    for name, function in {
        "rmse": sklearn.metrics.root_mean_squared_error,
        "mae": sklearn.metrics.mean_absolute_error,
        "r2": sklearn.metrics.r2_score,
    }.items():
        assert judged(name, GUESSES[:, None], VALUES, batch) == pytest.approx(function(values, guesses), rel=1e-9)
    two = torch.stack((VALUES, GUESSES), 1).double()
    assert judged("r2", two.flip(1), two, batch) == pytest.approx(sklearn.metrics.r2_score(two, two.flip(1)), rel=1e-6)


def test_one_logit_for_each_target():
    logits = (GUESSES - VALUES.median())[:, None]
    assert judged("accuracy", logits, ONES) == sklearn.metrics.accuracy_score(ONES, logits > 0)
    assert judged("f1", logits, ONES.float()) == pytest.approx(sklearn.metrics.f1_score(ONES, logits > 0))
    assert judged("auroc", logits, ONES) == pytest.approx(sklearn.metrics.roc_auc_score(ONES, logits))
    tied = logits.round()
    assert judged("auroc", tied, ONES) == pytest.approx(sklearn.metrics.roc_auc_score(ONES, tied))
    both = torch.cat((-logits, logits), 1)
    assert judged("auroc", both, ONES) == pytest.approx(sklearn.metrics.roc_auc_score(ONES, logits))
    assert judged("f1", both, ONES) == pytest.approx(sklearn.metrics.f1_score(ONES, logits > 0))


@pytest.mark.parametrize("average", ["micro", "weighted"])
def test_averages_of_f1(average):
    metric = Metric(name="f1", arguments={"average": average})
    expected = sklearn.metrics.f1_score(LABELS, LOGITS.argmax(1), average=average)
    assert judged(metric, LOGITS, LABELS) == pytest.approx(expected)


@pytest.mark.parametrize("batch", [1, EXAMPLES])
def test_several_labels_of_an_example(batch):
    labels = (drawn(EXAMPLES, 3) > 0).float()
    labels[:, 2] = 0  # neither in the targets nor, in the last case, predicted
    logits = drawn(3, EXAMPLES).T
    for average in ("macro", "weighted", "micro"):
        expected = sklearn.metrics.f1_score(labels, logits > 0, average=average)
        metric = Metric(name="f1", arguments={"average": average})
        assert judged(metric, logits, labels, batch) == pytest.approx(expected)
    logits[:, 2] = -1
    expected = sklearn.metrics.f1_score(labels[:, :2], logits[:, :2] > 0, average="macro")
    assert judged("f1", logits, labels, batch) == pytest.approx(expected)
    expected = sklearn.metrics.roc_auc_score(labels[:, :2], logits[:, :2])
    assert judged("auroc", logits[:, :2], labels[:, :2], batch) == pytest.approx(expected)


def test_pixels_are_not_labels():
    logits, pixels = drawn(6, 1, 2, 3), (drawn(6, 2, 3) > 0).float()
    flat = pixels.flatten(), logits.flatten()
    assert judged("auroc", logits, pixels, 4) == pytest.approx(sklearn.metrics.roc_auc_score(*flat))
    assert judged("f1", logits, pixels, 4) == pytest.approx(sklearn.metrics.f1_score(flat[0], flat[1] > 0))


@pytest.mark.parametrize("name", SKLEARN)
@pytest.mark.parametrize("ignored", [-100, 255])
def test_targets_to_ignore_do_not_count(name, ignored):
    labels = torch.where(torch.arange(EXAMPLES) % 4 == 0, ignored, LABELS)
    metric = Metric(name=name, arguments={} if ignored == -100 else {"ignore_index": ignored})
    counted = labels != ignored
    assert judged(metric, LOGITS, labels.int()) == pytest.approx(judged(name, LOGITS[counted], LABELS[counted]))
    with pytest.raises(BadInput, match=rf"must be class numbers from 0 to 6, not {ignored} \(`ignore_index` is -1\)"):
        judged(Metric(name=name, arguments={"ignore_index": -1}), LOGITS, labels)


def test_tokens_in_either_layout_without_those_to_ignore():
    logits, tokens = drawn(12, 5, 9), torch.arange(60).reshape(12, 5) % 9
    tokens[:, -1] = -1
    metric = Metric(name="perplexity", arguments={"ignore_index": -1})
    expected = math.exp(nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 9), tokens[:, :-1].reshape(-1)))
    assert judged(metric, logits, tokens) == pytest.approx(expected)
    assert judged(metric, logits.transpose(1, 2), tokens) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "outputs", "targets", "reason"),
    [
        ("auroc", drawn(9), torch.ones(9), "no target is negative"),
        ("auroc", drawn(9, 3), torch.arange(9) % 2, "no target of column 2 is positive"),
        ("r2", drawn(9), torch.ones(9), "all targets are equal"),
        ("f1", -drawn(9).abs(), torch.zeros(9), "class 1 is neither among the targets nor predicted"),
    ],
)
def test_undefined_scores_say_why(name, outputs, targets, reason):
    with pytest.raises(UndefinedScore, match=f"metric `{name}` is undefined on the test examples: {reason}"):
        judged(name, outputs, targets)


@pytest.mark.parametrize("name", SKLEARN)
def test_a_network_that_returns_nan_does_not_have_a_score(name):
    logits = LOGITS.clone()
    logits[EXAMPLES // 2, 3] = math.nan
    with pytest.raises(Diverged, match=f"metric `{name}` of the test examples is not finite: nan"):
        judged(name, logits, LABELS)


def test_scores_that_are_not_finite():
    with pytest.raises(Diverged, match="metric `auroc` of the test examples is not finite: nan"):
        judged("auroc", LOGITS.where(LOGITS < 2, math.inf), LABELS)  # a softmax of these is nan
    with pytest.raises(Diverged, match="metric `rmse` of the test examples is not finite: nan"):
        judged("rmse", torch.tensor([1.0, math.nan]), torch.ones(2))


@pytest.mark.parametrize(
    ("name", "outputs", "targets", "message"),
    [
        ("accuracy", drawn(4), torch.zeros(4, 2), "outputs must be logits"),
        (
            "accuracy",
            drawn(4),
            torch.tensor([1.0, 0.0, 114.0, 1.0]),
            "targets of single logits must be 0 or 1, not 114",
        ),
        ("perplexity", drawn(4, 3), torch.zeros(4), r"not \(4, 3\) and \(4,\), float32"),
        ("rmse", drawn(4, 3), torch.zeros(4), r"must have the same shape, not \(4, 3\) and \(4,\)"),
        ("rmse", {"logits": drawn(4)}, torch.zeros(4), "outputs must be a tensor, not dict"),
        ("top5", drawn(4, 3), torch.zeros(4, 3), r"outputs must be one for each class, not one for each target: "),
    ],
)
def test_outputs_that_do_not_fit(name, outputs, targets, message):
    with pytest.raises(BadInput, match=f"metric `{name}`: .*{message}(.|\n)*hint: choose a `metric` that fits"):
        Judge(Metric(name=name)).update(NETWORK, None, outputs, targets)


@pytest.mark.parametrize("name", ["accuracy", "f1", "auroc"])
def test_a_regression_is_not_taken_for_a_classification(name):
    with pytest.raises(BadInput, match=f"metric `{name}`: targets of single logits must be 0 or 1, not "):
        judged(name, GUESSES[:, None], VALUES)


class Longest:
    """The largest output."""

    unit = "ms"
    higher_is_better = False

    def __init__(self, at_least: float = 0.0) -> None:
        self.longest = at_least

    def update(self, outputs, targets):
        self.longest = max(self.longest, float(outputs.max()))

    def compute(self):
        return self.longest


class Generating(Longest):
    """Asks the network itself."""

    needs_network = True

    def update_with(self, network, inputs, targets):
        self.longest = float(network(inputs).max())


class Aimless:
    update = compute = print


class Failing(Longest):
    def update(self, outputs, targets):
        raise ValueError("nothing to measure")

    def compute(self):
        return math.nan


OWN = __name__


def test_a_metric_of_ones_own():
    own = Metric(name=f"{OWN}:Longest", arguments={"at_least": 0.5})
    assert judged(own, torch.tensor([0.1, 0.2]), torch.zeros(2)) == 0.5
    assert Judge(own).facts == MetricFacts("Longest", "ms", False)
    renamed = Metric(name=f"{OWN}:Longest", label="longest", unit="s", higher_is_better=True)
    assert Judge(renamed).facts == MetricFacts("longest", "s", True)
    judge = Judge(Metric(name=f"{OWN}:Generating"))
    judge.update(NETWORK, torch.tensor([3.0]), None, None)
    assert judge.score() == 3.0


def test_what_is_wrong_with_a_metric_of_ones_own():
    with pytest.raises(InputError, match="must say whether higher scores are better"):
        make_metric(Metric(name=f"{OWN}:Aimless"))
    with pytest.raises(BadInput, match="must have a method `update`: MetricFacts"):
        make_metric(Metric(name=f"{OWN}:MetricFacts", arguments={"name": "x"}))
    judge = Judge(Metric(name=f"{OWN}:Failing"), "validation examples")
    with pytest.raises(BadInput, match="failed on the validation examples: ValueError: nothing to measure"):
        judge.update(NETWORK, None, None, None)
    with pytest.raises(UndefinedScore, match="is not finite: nan"):
        judge.score()
    with pytest.raises(InputError, match=r"unknown metric: `rmsd`(.|\n)*did you mean `rmse`"):
        make_metric(Metric(name="rmsd"))
    with pytest.raises(InputError, match="`average` of metric `f1` cannot be `mean`"):
        make_metric(Metric(name="f1", arguments={"average": "mean"}))


def test_the_example_on_the_page_works(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    [program] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "worst_case.py").write_text(program)
    monkeypatch.syspath_prepend(tmp_path)
    worst = Metric(name="worst_case:LargestError", arguments={"floor": 0.1})
    assert Judge(worst).facts == MetricFacts("LargestError", "mg/dl", False)
    assert judged(worst, GUESSES, VALUES) == float((GUESSES - VALUES).abs().max())
    assert set(re.findall(r"^\| `(\w+)`", text, re.M)) | {"mae"} == METRICS.keys()
    named = re.findall(r"name: (torchmetrics\.\w+)", text)
    assert [
        make_metric(Metric(name=name, higher_is_better=True, arguments=given))[0].name
        for name, given in zip(named, ({"task": "multiclass", "num_classes": 10}, {}), strict=True)
    ] == ["MatthewsCorrCoef", "PearsonCorrCoef"]


def test_a_package_that_is_missing_or_broken(monkeypatch, tmp_path):
    metric = Metric(name="torchmetrics.MatthewsCorrCoef")
    (tmp_path / "torchmetrics.py").write_text("import a_missing_module")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchmetrics", raising=False)
    with pytest.raises(InputError, match="cannot import package `torchmetrics`: No module named 'a_missing_module'"):
        make_metric(metric)
    monkeypatch.setitem(sys.modules, "torchmetrics", None)
    with pytest.raises(InputError, match=r"`torchmetrics` is not installed\n\nhint: .*'prunesweep\[metrics\]'"):
        make_metric(metric)


def test_classes_of_torchmetrics():
    pytest.importorskip("torchmetrics")
    arguments = {"task": "multiclass", "num_classes": 7}
    metric = Metric(name="torchmetrics.MatthewsCorrCoef", arguments=arguments)
    expected = sklearn.metrics.matthews_corrcoef(LABELS, LOGITS.argmax(1))
    assert judged(metric, LOGITS, LABELS) == pytest.approx(expected, rel=1e-6)
    assert Judge(metric).facts == MetricFacts("MatthewsCorrCoef", "", True)
    assert make_metric(Metric(name="torchmetrics.MulticlassF1Score", arguments={"num_classes": 7}))
    with pytest.raises(InputError, match=r"torchmetrics has no metric `Acuracy`(.|\n)*did you mean `Accuracy`"):
        make_metric(Metric(name="torchmetrics.Acuracy"))
    with pytest.raises(InputError, match=r"has no metric `MetricCollection`(.|\n)*its manual lists them"):
        make_metric(Metric(name="torchmetrics.MetricCollection"))
    with warnings.catch_warnings(action="error"):  # that a class of text is elsewhere now
        assert make_metric(Metric(name="torchmetrics.WordErrorRate"))
    with pytest.raises(InputError, match=r"metric `torchmetrics\.MatthewsCorrCoef`"):
        make_metric(Metric(name="torchmetrics.MatthewsCorrCoef"))
    each = Metric(name="torchmetrics.MulticlassAccuracy", arguments={"num_classes": 7, "average": None})
    with pytest.raises(BadInput, match=r"must return one number, not a tensor of shape \(7,\)"):
        judged(each, LOGITS, LABELS)
