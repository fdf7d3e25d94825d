"""What every source of data promises to training and evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from workers.data.batches.share import BatchShare
from workers.data.batches.structure import Batch, Values, described, examples, mapped, tensors
from workers.data.examples.arrays import Arrays
from workers.data.examples.datasets import Datasets
from workers.data.examples.table import table
from workers.data.image_folder import image_folder
from workers.data.images import Images
from workers.data.source import Data, Source
from workers.trial import Recipe

CPU = torch.device("cpu")
TRAIN, TEST, BATCH, HELD_OUT = 10, 6, 4, 3
RECIPE = Recipe(batch_size=BATCH, optimizer="SGD", normalization="none")


def pixels(count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 3, 4, 4), generator=generator, dtype=torch.uint8)


def images(folder: Path) -> Source:
    return Images(
        train_images=pixels(TRAIN, 0),
        train_labels=torch.arange(TRAIN) % 2,
        test_images=pixels(TEST, 1),
        test_labels=torch.arange(TEST) % 2,
        classes=2,
    )


def files(folder: Path) -> Source:
    for part, count in (("train", TRAIN), ("val", TEST)):
        for index, image in enumerate(pixels(count, count)):
            path = folder / part / "ab"[index % 2] / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    return image_folder(path=str(folder), image_size=4, workers=0)


def numbers(count: int, first: int) -> Tensor:
    return (torch.arange(count * 3) + first).view(count, 3).float()


def tensor(folder: Path) -> Source:
    return Arrays(
        train_inputs=numbers(TRAIN, 0),
        train_targets=numbers(TRAIN, 1)[:, 0],
        test_inputs=numbers(TEST, 100),
        test_targets=numbers(TEST, 101)[:, 0],
    )


def several(folder: Path) -> Source:
    """Inputs by name, and two targets."""
    parts = {}
    for part, count, first in (("train", TRAIN, 0), ("test", TEST, 50)):
        inputs = {"ids": numbers(count, first).long(), "scale": numbers(count, 0)}
        parts[part] = inputs, (numbers(count, first), numbers(count, 5))
    (train_inputs, train_targets), (test_inputs, test_targets) = parts["train"], parts["test"]
    return Arrays(
        train_inputs=train_inputs, train_targets=train_targets, test_inputs=test_inputs, test_targets=test_targets
    )


def rows_of_a_table(folder: Path) -> Source:
    lines = [f"{row},{row * row % 7},{'ab'[row % 2]},{part}" for part in ("train", "test") for row in range(TRAIN)]
    path = folder / "rows.csv"
    path.write_text("\n".join(["x,y,kind,part", *lines[: TRAIN + TEST]]))
    return table(path=str(path), target="y", target_type="number", split_column="part")


def map_style(folder: Path) -> Source:
    """Lists of dicts, of which one key is the target."""
    train, test = ([{"x": row, "y": row.sum()} for row in numbers(count, count)] for count in (TRAIN, TEST))
    return Datasets(train=train, test=test, target="y")


SOURCES: list[Callable[[Path], Source]] = [images, files, tensor, several, rows_of_a_table, map_style]


@pytest.fixture(params=SOURCES, ids=lambda make: make.__name__)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    made: Source = request.param(tmp_path)
    return made


def opened(source: Source, holdout: int = 0) -> Data:
    return source.on(CPU, holdout, source.facts())


def rows(batches: Iterable[Batch]) -> list[bytes]:
    """The bytes of each example's inputs and targets."""
    return [
        b"|".join(tensor[row].contiguous().numpy().tobytes() for values in batch for tensor in tensors(values))
        for batch in batches
        for row in range(examples(batch[0]))
    ]


def test_facts_are_the_same_each_time_and_can_be_kept(source: Source) -> None:
    facts, again = source.facts(), source.facts()
    assert facts.fingerprint == again.fingerprint
    assert (facts.train_examples, facts.test_examples) == (TRAIN, TEST)
    kept = json.loads(json.dumps(facts.to_json()))
    assert kept["fingerprint"] == facts.fingerprint
    assert {name: json.loads(json.dumps(value)) for name, value in facts.offers.items()}.keys() == facts.offers.keys()


def kinds(values: Values) -> str:
    """The types and shapes of a single example."""
    return described(mapped(lambda tensor: tensor[0], values))


def test_samples_look_like_batches(source: Source) -> None:
    inputs, targets = opened(source).stream(RECIPE, 0, "dense").batch(0)
    for count in (1, 2, TRAIN + 1):
        sampled_inputs, sampled_targets = source.facts().sample(count)
        assert examples(sampled_inputs) == examples(sampled_targets) == count
        assert (kinds(sampled_inputs), kinds(sampled_targets)) == (kinds(inputs), kinds(targets))


def test_batches_are_pure_functions_of_replicate_stage_and_number(source: Source) -> None:
    before = torch.get_rng_state()
    data = opened(source)
    stream, jumping = data.stream(RECIPE, 0, "dense"), data.stream(RECIPE, 0, "dense")
    assert stream.steps_per_epoch == Fraction(TRAIN, BATCH)
    straight = [rows([stream.batch(index)]) for index in range(5)]
    assert [rows([jumping.batch(index)]) for index in (4, 0, 3)] == [straight[index] for index in (4, 0, 3)]
    assert all(len(batch) == BATCH for batch in straight)
    for replicate, stage in ((1, "dense"), (0, "1")):
        assert rows([data.stream(RECIPE, replicate, stage).batch(0)]) != straight[0]
    assert torch.equal(before, torch.get_rng_state())


def test_an_epoch_has_every_example_once(source: Source) -> None:
    stream = opened(source).stream(RECIPE, 0, "dense")
    two_epochs = rows(stream.batch(index) for index in range(2 * TRAIN // BATCH))
    first, second = two_epochs[:TRAIN], two_epochs[TRAIN:]
    assert len(set(first)) == TRAIN
    assert set(first) == set(second)
    assert first != second


def test_shares_add_up_to_the_whole_batch(source: Source) -> None:
    data = opened(source)
    shares = [data.stream(RECIPE, 0, "1", BatchShare(rank, 2)).batch(1) for rank in range(2)]
    assert rows(shares) == rows([data.stream(RECIPE, 0, "1").batch(1)])


def test_all_examples_are_evaluated_in_order(source: Source) -> None:
    test = opened(source).test
    assert len(test) == TEST
    whole = rows(test.batches(RECIPE))
    assert whole == rows(test.batches(RECIPE))
    assert len(set(whole)) == TEST
    assert rows(test.select(np.array([4, 1])).batches(RECIPE)) == [whole[4], whole[1]]


def test_held_out_examples_are_not_trained_on(source: Source) -> None:
    whole = opened(source).stream(RECIPE, 0, "dense")
    data = opened(source, HELD_OUT)
    held = rows(data.heldout.batches(RECIPE))
    stream = data.stream(RECIPE, 0, "dense")
    assert stream.steps_per_epoch == Fraction(TRAIN - HELD_OUT, BATCH)
    trained = rows(stream.batch(index) for index in range(4))
    assert len(set(held)) == HELD_OUT
    assert set(held).isdisjoint(trained)
    assert set(held) | set(trained) == set(rows(whole.batch(index) for index in range(5)))
    source.check_held_out(HELD_OUT)
