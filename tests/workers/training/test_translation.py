"""A small GNMT in training: sums over groups, pruned as in the study, and the same bits after an interruption."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from tests.support.trainings import through_a_file, train, training
from workers import schedules
from workers.data.batches.ranks import check_ranks
from workers.errors import BadInput, InputError
from workers.training.losses import check_loss, evaluation_loss, loss_function
from workers.training.optimizing.token_loss import token_cross_entropy
from workers.trial import Dataset, MaskRule, Network, Pruning, Recipe, Stop, Task, Trial, trial_id

SUM = {"reduction": "sum", "label_smoothing": 0.1}
RECIPE = Recipe(
    batch_size=6,
    optimizer="TFAdam",
    loss="token_cross_entropy",
    loss_arguments=SUM,
    clip_grad_norm=5.0,
    clip_group=3,
)


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """A dense training on 20 sentences of 1 to 20 words."""
    folder: Path = tmp_path_factory.mktemp("pairs")
    for language, word in (("en", "one "), ("de", "eins ")):
        for part, longest in (("train", 20), ("test", 4)):
            text = "".join(f"{word * length}\n" for length in range(1, longest + 1))
            (folder / f"{part}.{language}").write_text(text)
    arguments = {"path": str(folder), "source": "en", "target": "de", "vocabulary": 270}
    task = Task(
        dataset=Dataset(name="text_pairs", arguments=arguments),
        network=Network(name="gnmt", arguments={"units": 4, "layers": 2}),
        recipe=RECIPE,
    )
    rates = schedules.piecewise(Fraction("0.01"), [], [], Fraction(2), Fraction("0.01"))
    return Trial(task=task, replicate=0, stage="dense", rates=rates)


def test_an_interruption_inside_an_epoch_changes_no_bit(dense: Trial) -> None:
    undisturbed = train(dense, 5)
    second = training(dense)
    second.restore(through_a_file(train(dense, 2)))
    for _ in range(3):
        second.advance()
    assert second.state().digest() == undisturbed.digest()


def test_losses_are_reported_per_sentence(dense: Trial) -> None:
    trained, untrained = training(dense), training(dense)
    torch.manual_seed(0)
    untrained.model.eval()
    trained.model.eval()  # without dropout
    inputs, targets = untrained.stream.batch(0)
    total = token_cross_entropy(untrained.model(**inputs), targets, **SUM)
    trained.advance()
    assert trained.history.last_loss == pytest.approx(total.item() / 6)


def test_pruning_takes_from_one_pool_of_all_tensors_and_biases(dense: Trial) -> None:
    parent = train(dense, 3)
    source = Stop(trial_id(dense), 3)
    rule = MaskRule(source=source, density=Fraction("0.2097"), pruning=Pruning())
    pruned = training(Trial(task=dense.task, replicate=0, stage="1", rates=dense.rates, start=source, mask=rule))
    pruned.begin({source: parent})
    assert set(pruned.masks) == {name for name, _ in pruned.model.named_parameters()} - {"decoder.attention.scale"}
    weights = {name: parent.model[name].abs() for name in pruned.masks}
    pool = torch.cat([weight.flatten() for weight in weights.values()])
    kept = round(len(pool) * 0.2097)
    threshold = pool.sort(descending=True).values[kept - 1]
    assert sum(int(mask.sum()) for mask in pruned.masks.values()) == kept
    assert all(torch.equal(mask, weights[name] >= threshold) for name, mask in pruned.masks.items())
    pruned.advance()
    for name, mask in pruned.masks.items():
        assert not pruned.model.state_dict()[name][~mask].any()


LOGITS = torch.randn((2, 3, 5), generator=torch.Generator().manual_seed(0))
TOKENS = torch.tensor([[1, 4, 2, -100], [3, -100, -100, -100]])


@pytest.mark.parametrize("targets", [TOKENS, {"tokens": TOKENS, "reference": torch.zeros((2, 0))}])
def test_the_loss_of_tokens_is_smoothed_and_without_padding(targets: torch.Tensor | dict[str, torch.Tensor]) -> None:
    rows = [(0, 0, 1), (0, 1, 4), (0, 2, 2), (1, 0, 3)]
    by_hand = [
        0.9 * -LOGITS[n, t].log_softmax(0)[token] + 0.1 * -LOGITS[n, t].log_softmax(0).mean() for n, t, token in rows
    ]
    loss = loss_function(RECIPE)(LOGITS, targets)
    torch.testing.assert_close(loss, sum(by_hand))
    torch.testing.assert_close(token_cross_entropy(LOGITS, targets, label_smoothing=0.1), sum(by_hand) / 4)
    plain = sum(F.cross_entropy(LOGITS[n, t], torch.tensor(token)) for n, t, token in rows)
    torch.testing.assert_close(evaluation_loss(RECIPE)(LOGITS, targets), plain.double())


def test_other_outputs_are_refused() -> None:
    with pytest.raises(BadInput, match=r"needs logits .N, T, vocabulary. and token numbers"):
        check_loss(RECIPE, LOGITS[:, 0], TOKENS)


def test_ranks_share_sums_over_tokens_but_not_their_means() -> None:
    check_ranks(RECIPE, 2, has_batch_norm=False)
    with pytest.raises(InputError, match=r"several GPUs cannot share a batch whose loss .* is a mean over its tokens"):
        check_ranks(Recipe(batch_size=6, optimizer="Adam", loss="token_cross_entropy"), 2, has_batch_norm=False)
