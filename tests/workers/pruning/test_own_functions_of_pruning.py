"""Scores and distributions of the user's own: hand-computed masks, and what is refused."""

from __future__ import annotations

import sys
import textwrap
from fractions import Fraction

import pytest
import torch

from workers.errors import BadInput, InputError
from workers.pruning.distributing import distribute
from workers.pruning.masks import prune
from workers.pruning.scoring import Scoring
from workers.trial import MaskRule, Pruning, Stop

WEIGHTS = {"a": torch.tensor([[3.0, -1.0], [2.0, -4.0]]), "b": torch.tensor([0.5, -6.0])}


class Fixed:
    """Two batches of known gradients, and one known input."""

    def gradients(self, batches):
        first = {"a": torch.tensor([[1.0, 9.0], [0.0, 1.0]]), "b": torch.tensor([4.0, 0.0])}
        second = {"a": torch.tensor([[1.0, -1.0], [2.0, 1.0]]), "b": torch.tensor([0.0, 1.0])}
        yield from (first, second)[:batches]

    def inputs(self, weight, batches):
        return [torch.tensor([[2.0, 10.0]])] * batches


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes functions into a module of the current directory; returns the name of one that is called `f`."""
    name = f"own_{tmp_path.name.replace('-', '_')}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield lambda code: (tmp_path / f"{name}.py").write_text("import torch\n" + textwrap.dedent(code)) and f"{name}:f"
    sys.modules.pop(name, None)


def masks_by(score, density=Fraction(1, 2), masks=None, **pruning):
    rule = MaskRule(source=Stop("t", 0), density=density, pruning=Pruning(score=score, **pruning))
    kept = prune(WEIGHTS, masks or {}, rule, torch.Generator().manual_seed(0), Fixed())
    return {name: mask.tolist() for name, mask in kept.items()}


def test_a_score_of_weights(own):
    masks = masks_by(own("def f(weight): return 1 / weight.abs()"))
    assert masks == {"a": [[False, True], [True, False]], "b": [True, False]}


def test_a_score_of_the_mean_gradient(own):
    # mean gradients: a [[1, 4], [1, 1]], b [2, 0.5]; times weights: a [[3, 4], [2, 4]], b [1, 3]; a tie at 3
    masks = masks_by(own("def f(weight, gradient): return (weight * gradient).abs()"), score_arguments={"batches": 2})
    assert masks == {"a": [[True, True], [False, True]], "b": [False, False]}


def test_a_score_of_the_gradients_of_each_batch_with_an_argument(own):
    # sums of squares: a [[2, 82], [4, 2]], b [16, 1]
    name = own("def f(gradients, power): return sum(g.abs() ** power for g in gradients)")
    masks = masks_by(name, score_arguments={"batches": 2, "power": 2})
    assert masks == {"a": [[False, True], [True, False]], "b": [True, False]}


def test_a_score_of_inputs(own):
    # by |w| times the norm of the input: a [[6, 10], [4, 40]], b [1, 60]
    masks = masks_by(own("def f(weight, inputs): return weight.abs() * torch.cat(inputs).norm(dim=0)"))
    assert masks == {"a": [[False, True], [False, True]], "b": [False, True]}


def test_pruned_weights_stay_pruned_whatever_their_score(own):
    alive = {"a": torch.tensor([[True, False], [True, False]]), "b": torch.tensor([True, True])}
    masks = masks_by(own("def f(weight, alive): return (~alive).long()"), masks=alive)
    assert masks == {"a": [[True, False], [True, False]], "b": [True, False]}


def test_functions_cannot_change_the_network(own):
    masks_by(own("def f(weight): return weight.abs_()"))
    assert WEIGHTS["a"][0, 1] == -1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def f(weight): return 3", "must return a tensor for layer `a`, not int"),
        ("def f(weight): return weight[0]", r"of shape \(2, 2\) for layer `a`, not \(2,\)"),
        ("def f(weight): return weight.abs() * float('nan')", "finite numbers for layer `a`, not nan"),
        ("def f(weight): return 1 / (weight.abs() - 0.5)", "finite numbers for layer `b`, not inf"),
        ("def f(weight): return weight", "at least 0 for layer `a`, not -4"),
        ("def f(weight): return weight + 0j", "real numbers for layer `a`, not torch.complex64"),
        ("def f(weight): return 1 / 0", r"failed on layer `a`: ZeroDivisionError: division by zero \(own_.*, line 2\)"),
        ("def f(weight): raise SystemExit(3)", "failed on layer `a`: SystemExit: 3"),
    ],
)
def test_results_that_are_not_scores(code, message, own):
    with pytest.raises(BadInput, match=message) as caught:
        masks_by(own(f"{code}"))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        ("class f:\n    def __init__(self, weight): ...", {}, "must be a function, not a class: f"),
        ("def f(weights): ...", {}, "missing a required argument: 'weights'\n\nhint: a score may ask for weight, "),
        ("def f(weight): ...", {"power": 2}, "unexpected keyword argument 'power'"),
        ("def f(weight): ...", {"batches": 2}, "`batches` has no effect"),
        ("def f(gradient): ...", {"batches": 0}, "must be a whole number, at least 1: 0"),
        ("def f(gradient): ...", {"gradient": 1}, "multiple values"),
    ],
)
def test_functions_that_cannot_be_called(code, arguments, message, own):
    with pytest.raises(InputError, match=message):
        Scoring(Pruning(score=own(code), score_arguments=arguments))


SCORES = {"a": torch.tensor([2.0, 5.0, 5.0]), "b": torch.tensor([-1.0, 1.0])}


def shared_by(name, k=2, **arguments):
    kept = distribute(SCORES, k, Pruning(distribution=name, distribution_arguments=arguments))
    return {layer: mask.tolist() for layer, mask in kept.items()}


def test_a_distribution_of_numbers_keeps_the_largest_scores_and_of_equal_ones_the_first(own):
    name = own("def f(scores, k, first): return {'a': first, 'b': torch.tensor(k - first)}")
    assert shared_by(name, first=1) == {"a": [False, True, False], "b": [False, True]}
    assert shared_by(name, first=2) == {"a": [False, True, True], "b": [False, False]}


def test_a_distribution_of_masks(own):
    name = own("def f(scores, k): return {layer: score.clamp(max=2) == 2 for layer, score in scores.items()}")
    assert shared_by(name, k=3) == {"a": [True, True, True], "b": [False, False]}


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("[1, 1]", "a dict by layer of masks or of numbers of weights, not list"),
        ("{'a': 2}", "a mask or a number of weights for layer `b`"),
        ("{'a': 1, 'b': 1, 'c': 0}", "only layers that it was given, not `c`"),
        ("{'a': 1, 'b': 0}", "must keep exactly 2 weights in all layers, not 1"),
        ("{'a': 0, 'b': 2}", r"from 0 to 1 weights for layer `b` \(those alive\), not 2"),
        ("{'a': 1.5, 'b': 0}", "a whole number of weights or a boolean mask for layer `a`, not float 1.5"),
        ("{'a': scores['a'], 'b': scores['b']}", "a boolean mask of shape .* not torch.float32 of shape"),
        ("{'a': scores['a'] > 9, 'b': scores['b'] < 9}", "masks without 1 dead weight of layer `b`"),
        ("{}['a']", "failed: KeyError: 'a'"),
    ],
)
def test_results_that_are_not_distributions(returned, message, own):
    with pytest.raises(BadInput, match=message) as caught:
        shared_by(own(f"def f(scores, k): return {returned}"))
    assert caught.value.hint
