from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from workers.data import split
from workers.data.batches.inputs import crop_and_flip, normalizer
from workers.data.batches.share import BatchShare
from workers.data.batches.stream import Stream, eval_inputs, steps_per_epoch
from workers.errors import InputError
from workers.trial import Recipe

RAW = Recipe(batch_size=4, optimizer="SGD", normalization="none")
AUGMENTED = dataclasses.replace(RAW, crop_padding=2, horizontal_flip=True, normalization="per_image")


def numbered(count: int) -> tuple[Tensor, Tensor]:
    """One-pixel images whose value is their index, and that as their label."""
    index = torch.arange(count)
    return index.to(torch.uint8).view(-1, 1, 1, 1), index


def noise(count: int = 20) -> tuple[Tensor, Tensor]:
    images = torch.randint(0, 256, (count, 3, 6, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(7))
    return images, torch.arange(count)


def stream(recipe: Recipe = AUGMENTED, replicate: int = 0, stage: str = "dense", data: Any = None) -> Stream:
    return Stream(*(data or noise()), recipe, replicate, stage)


def test_epochs_are_permutations_cut_across_their_borders() -> None:
    batches = stream(RAW, data=numbered(10))
    labels = torch.cat([batches.batch(index)[1] for index in range(5)])  # two epochs of 2.5 steps
    assert labels[:10].sort().values.tolist() == list(range(10))
    assert labels[10:].sort().values.tolist() == list(range(10))
    assert labels[:10].tolist() != labels[10:].tolist()


def test_inputs_belong_to_their_labels() -> None:
    inputs, labels = stream(RAW, data=numbered(10)).batch(3)
    assert torch.equal(inputs.flatten(), labels.float() / 255)


def test_a_batch_may_span_several_epochs() -> None:
    recipe = dataclasses.replace(RAW, batch_size=25)
    _, labels = stream(recipe, data=numbered(10)).batch(1)
    counts = torch.bincount(labels)
    assert len(labels) == 25
    assert counts.tolist().count(0) == 0
    assert set(counts.tolist()) <= {2, 3}


def test_shares_of_a_batch_are_the_batch() -> None:
    whole = stream().batch(3)
    shares = [Stream(*noise(), AUGMENTED, 0, "dense", BatchShare(rank, 2)).batch(3) for rank in range(2)]
    for parts, together in zip(zip(*shares, strict=True), whole, strict=True):
        assert [len(part) for part in parts] == [2, 2]
        assert torch.equal(torch.cat(parts), together)


def test_any_batch_can_be_had_at_once() -> None:
    in_order = stream()
    for index in range(5):
        in_order.batch(index)
    for one, other in zip(in_order.batch(5), stream().batch(5), strict=True):
        assert torch.equal(one, other)
    back = in_order.batch(2)[0]
    assert torch.equal(back, stream().batch(2)[0])


def test_batches_differ_by_replicate_stage_and_index() -> None:
    batches = [stream(), stream(replicate=1), stream(stage="1")]
    labels = [tuple(one.batch(0)[1].tolist()) for one in batches] + [tuple(stream().batch(1)[1].tolist())]
    assert len(set(labels)) == 4


def test_augmentation_differs_by_batch() -> None:
    images = torch.arange(60, dtype=torch.uint8).view(1, 1, 6, 10)
    recipe = dataclasses.replace(AUGMENTED, batch_size=1, normalization="none")
    batches = stream(recipe, data=(images, torch.zeros(1, dtype=torch.int64)))
    assert len({tuple(batches.batch(index)[0].flatten().tolist()) for index in range(20)}) > 10


def test_torchs_generator_neither_matters_nor_moves() -> None:
    before = torch.get_rng_state()
    first = stream().batch(0)[0]
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(99)
    assert torch.equal(first, stream().batch(0)[0])


def test_memory_layout_of_the_images_does_not_matter() -> None:
    images, labels = noise()
    batches = stream(data=(images.contiguous(memory_format=torch.channels_last), labels))
    inputs = batches.batch(1)[0]
    assert torch.equal(inputs, stream().batch(1)[0])
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    assert inputs.dtype == torch.float32
    assert inputs.shape == (4, 3, 6, 5)


def test_batches_never_write_to_the_images() -> None:
    images, labels = noise()
    before = images.clone()
    batches = stream(data=(images, labels))
    for index in range(6):
        batches.batch(index)[0].zero_()
    assert torch.equal(images, before)


def test_flips_and_crops_occur_as_often_as_they_should() -> None:
    images = torch.tensor([1, 2, 3], dtype=torch.uint8).view(1, 1, 1, 3)
    recipe = dataclasses.replace(RAW, batch_size=3000, crop_padding=1, horizontal_flip=True)
    inputs, _ = stream(recipe, data=(images, torch.zeros(1, dtype=torch.int64))).batch(0)
    rows = [tuple((row * 255).round().int().tolist()) for row in inputs.flatten(1)]
    kept = [row for row in rows if row != (0, 0, 0)]
    assert len(kept) / 3000 == pytest.approx(1 / 3, abs=0.03)  # one of three vertical offsets shows the row
    outcomes = {(0, 1, 2), (1, 2, 3), (2, 3, 0), (2, 1, 0), (3, 2, 1), (0, 3, 2)}
    assert set(kept) == outcomes
    for outcome in outcomes:
        assert kept.count(outcome) / len(kept) == pytest.approx(1 / 6, abs=0.04)


def test_crop_and_flip_by_hand() -> None:
    image = torch.tensor([[1, 2], [3, 4]], dtype=torch.uint8).view(1, 2, 2, 1).expand(3, 2, 2, 1).contiguous()
    top, left, flip = torch.tensor([[0, 1, 2], [0, 1, 1], [0, 1, 0]])
    cropped = crop_and_flip(image, 1, top, left, flip).squeeze(-1).tolist()
    assert cropped == [[[0, 0], [0, 1]], [[2, 1], [4, 3]], [[3, 4], [0, 0]]]


def test_crop_keeps_channels_together() -> None:
    images, _ = noise()
    nhwc = images.permute(0, 2, 3, 1).contiguous()
    zeros = torch.zeros(len(images), dtype=torch.int64)
    mirrored = crop_and_flip(nhwc, 3, zeros + 3, zeros + 3, zeros + 1)
    assert torch.equal(mirrored, nhwc.flip(2))


def test_per_image_is_tensorflows_standardization() -> None:
    images, _ = noise(3)
    inputs = eval_inputs(images, AUGMENTED)
    for image, got in zip(images.double().numpy(), inputs, strict=True):
        expected = (image - image.mean()) / max(image.std(), 1 / np.sqrt(image.size))
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_per_image_of_flat_images_is_bounded() -> None:
    flat = torch.full((2, 1, 4, 4), 9, dtype=torch.uint8)
    flat[1, 0, 0, 0] = 10  # std √15/16 = 0.242 < 1/√16 = 0.25
    inputs = eval_inputs(flat, AUGMENTED)
    assert not inputs[0].any()
    assert inputs[1, 0, 0, 0].item() == pytest.approx((1 - 1 / 16) * 4)


def test_given_mean_and_std_are_per_channel() -> None:
    images = torch.tensor([[0, 255]], dtype=torch.uint8).view(1, 2, 1, 1)
    recipe = dataclasses.replace(RAW, normalization=([0.5, 0.25], [0.5, 0.25]))
    assert eval_inputs(images, recipe).flatten().tolist() == [-1.0, 3.0]


@pytest.mark.parametrize(
    ("normalization", "message"),
    [
        ("standard", "`normalization` must be"),
        (([0.5], [0.5], [0.5]), "`normalization` must be"),
        (([0.5], [0.5, 0.5]), r"`normalization.mean` must have a value per channel \(2\), not 1"),
        (([0.5, 0.5], [0.5]), "`normalization.std` must have a value per channel"),
        (([0.5, 0.5], [0.5, 0.0]), "`normalization.std` must be above 0"),
    ],
)
def test_other_normalizations_are_refused(normalization: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        normalizer(normalization, 2, torch.device("cpu"))


@pytest.mark.parametrize("change", [{"batch_size": 0}, {"crop_padding": -1}])
def test_impossible_recipes_are_refused(change: dict) -> None:
    with pytest.raises(InputError, match=f"`{next(iter(change))}`"):
        stream(dataclasses.replace(RAW, **change))


def test_steps_per_epoch_is_exact() -> None:
    assert steps_per_epoch(50_000, 128) == Fraction("390.625")
    assert stream().steps_per_epoch == 5


@pytest.mark.parametrize(("images", "holdout"), [(10, 0), (10, 3), (50_000, 5_000)])
def test_holdout_and_training_share_nothing_and_miss_nothing(images: int, holdout: int) -> None:
    held, rest = split.holdout_indices(images, holdout), split.training_indices(images, holdout)
    assert len(held) == holdout
    assert sorted([*held, *rest]) == list(range(images))
    assert list(held) == sorted(held)


@pytest.mark.parametrize(
    ("images", "share", "validating"),
    [(10_000, Fraction(1, 5), 2000), (797, Fraction(1, 5), 159), (10, Fraction(1, 3), 3)],
)
def test_validation_and_test_share_nothing_and_miss_nothing(images: int, share: Fraction, validating: int) -> None:
    validation, test = split.validation_indices(images, share), split.test_indices(images, share)
    assert len(validation) == validating
    assert sorted([*validation, *test]) == list(range(images))


@pytest.mark.parametrize("share", [Fraction(0), Fraction(1), Fraction(1, 11)])
def test_shares_that_leave_a_part_empty_are_refused(share: Fraction) -> None:
    with pytest.raises(InputError, match="validation share must leave cities for validation and cities for the test"):
        split.validation_indices(10, share, "city")


def test_splits_are_fixed_for_ever() -> None:
    assert split.validation_indices(10, Fraction(1, 2)).tolist() == [1, 2, 5, 6, 8]
    assert split.shuffled(5, "digits").tolist() == [1, 0, 4, 3, 2]
