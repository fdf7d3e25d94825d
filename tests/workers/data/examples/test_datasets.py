"""Map-style data sets: augmentation that is repeatable, batches by the user's own code, and what is refused."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

from workers.data.batches.share import WHOLE, BatchShare
from workers.data.examples.datasets import Datasets
from workers.data.examples.fingerprint import Declared
from workers.data.source import Batches
from workers.errors import BadInput, InputError
from workers.trial import Recipe

CPU = torch.device("cpu")
COUNT = 10
RECIPE = Recipe(batch_size=4, optimizer="SGD")


class Rows(Dataset[tuple[Any, Any]]):
    """Numbers, as torch's transforms and NumPy's would change them."""

    def __init__(self, count: int = COUNT, shift: float = 0.0) -> None:
        self.count, self.shift = count, shift

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return np.array([index + self.shift, 0.1 * index]), float(index)


class Jittered(Rows):
    """Draws from the generators of torch, NumPy and Python whenever an example is read."""

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        numbers, target = super().__getitem__(index)
        return np.array([*numbers, torch.rand(()).item(), np.random.rand()]), target + random.random()


def add_noise(example: tuple[Any, Any], generator: torch.Generator) -> tuple[Any, Any]:
    numbers, target = example
    numbers[0] += torch.rand((), generator=generator).item()
    return numbers, target


def padded(examples: list[tuple[Tensor, int]]) -> tuple[dict[str, Tensor], Tensor]:
    """Sequences of different lengths, and a random shift for the whole batch."""
    inputs = torch.nn.utils.rnn.pad_sequence([example for example, _ in examples], batch_first=True)
    lengths = torch.tensor([len(example) for example, _ in examples])
    return {"tokens": inputs, "lengths": lengths}, torch.tensor([label for _, label in examples]) + torch.randint(2, ())


SEQUENCES = [(torch.arange(1 + index % 4) + 1, index % 3) for index in range(COUNT)]


def stream(
    source: Datasets, replicate: int = 0, stage: str = "dense", share: BatchShare = WHOLE, recipe: Recipe = RECIPE
) -> Batches:
    data = source.on(CPU, 0, source.facts())
    return data.stream(recipe, replicate, stage, share)


def rows_of(batches: Batches) -> dict[tuple[int, int], Tensor]:
    """What each example is in each of two epochs, by (epoch, example)."""
    rows: dict[tuple[int, int], Tensor] = {}
    for index in range(int(2 * batches.steps_per_epoch)):
        inputs, _ = batches.batch(index)
        assert isinstance(inputs, Tensor)
        for row in inputs:
            rows[len(rows) // COUNT, round(float(row[1]) * 10)] = row
    return rows


def test_augmentation_depends_on_replicate_stage_epoch_and_example_only() -> None:
    source = Datasets(train=Rows(), test=Rows(), augment=add_noise)
    first, larger = (rows_of(stream(source, recipe=Recipe(batch_size=size, optimizer="SGD"))) for size in (4, 5))
    assert first.keys() == {(epoch, example) for epoch in range(2) for example in range(COUNT)}
    assert all(torch.equal(row, larger[key]) for key, row in first.items())
    for other in (first[1, 3], rows_of(stream(source, stage="1"))[0, 3], rows_of(stream(source, replicate=1))[0, 3]):
        assert not torch.equal(first[0, 3], other)


def test_data_sets_that_draw_random_numbers_are_repeatable_and_leave_the_generators_alone() -> None:
    source = Datasets(train=Jittered(), test=Jittered())
    states = torch.get_rng_state(), np.random.get_state()[2], random.getstate()
    batches = stream(source)
    once = [batches.batch(index) for index in range(3)]
    again = stream(source)
    for index in (2, 0, 1):
        inputs, targets = again.batch(index)
        assert torch.equal(inputs, once[index][0])  # type: ignore[arg-type]
        assert torch.equal(targets, once[index][1])  # type: ignore[arg-type]
    tested = source.on(CPU, 0, source.facts()).test
    [(first, _)], [(second, _)] = (list(tested.batches(RECIPE)) for _ in range(2))
    assert torch.equal(first, second)  # type: ignore[arg-type]
    assert source.facts().fingerprint == Datasets(train=Jittered(), test=Jittered()).facts().fingerprint
    assert torch.equal(states[0], torch.get_rng_state())
    assert (np.random.get_state()[2], random.getstate()) == states[1:]


def test_the_number_of_processes_changes_nothing() -> None:
    alone, helped = (
        stream(Datasets(train=Jittered(), test=Rows(), augment=add_noise, workers=workers)) for workers in (0, 1)
    )
    for index in range(3):
        for one, other in zip(alone.batch(index), helped.batch(index), strict=True):
            assert torch.equal(one, other)  # type: ignore[arg-type]


def test_batches_of_ones_own_are_made_whole_and_then_shared() -> None:
    source = Datasets(train=SEQUENCES, test=SEQUENCES[:5], collate_fn=padded)
    whole, targets = stream(source).batch(1)
    assert isinstance(whole, dict)
    assert isinstance(targets, Tensor)
    parts = [stream(source, share=BatchShare(rank, 2)).batch(1) for rank in range(2)]
    for name, tensor in whole.items():
        assert torch.equal(tensor, torch.cat([inputs[name] for inputs, _ in parts]))  # type: ignore[index, call-overload]
    assert torch.equal(targets, torch.cat([part for _, part in parts]))  # type: ignore[arg-type]
    facts = source.facts()
    assert facts.offers["classes"] == 4
    inputs, _ = facts.sample(3)
    assert isinstance(inputs, dict)
    assert inputs["lengths"].tolist() == [1, 2, 1]


def test_the_fingerprint_is_that_of_all_examples_or_declared() -> None:
    def fingerprint(**parts: Any) -> str:
        return Datasets(**({"train": Rows(), "test": Rows()} | parts)).facts().fingerprint

    assert fingerprint() == fingerprint()
    assert fingerprint() != fingerprint(train=Rows(shift=1e-3))
    assert fingerprint() != fingerprint(test=Rows(4))
    assert fingerprint() != fingerprint(validation=Rows())
    declared = Datasets(train=Rows(), test=Rows(), fingerprint=Declared("rows", reason="slow"), offers={"classes": 2})
    facts = declared.inspected().facts()
    assert facts.fingerprint == "declared:rows"
    assert facts.notes == ("the fingerprint is declared, so changed data go unnoticed: slow",)
    assert facts.offers == {
        "input_shape": (2,), "features": 2, "outputs": 1, "target_shape": (), "classes": 2,
    }  # fmt: skip


def test_numbers_of_64_bits_become_32_bits_unless_batches_are_ones_own() -> None:
    inputs, targets = stream(Datasets(train=Rows(), test=Rows())).batch(0)
    assert (inputs.dtype, targets.dtype) == (torch.float32, torch.float32)  # type: ignore[union-attr]
    yes_or_no = [(torch.tensor([float(index)], requires_grad=True) * 2, index > 2) for index in range(5)]
    inputs, targets = stream(Datasets(train=yes_or_no, test=yes_or_no)).batch(0)
    assert (inputs.requires_grad, targets.dtype) == (False, torch.int64)  # type: ignore[union-attr]
    offers = Datasets(train=Rows(), test=Rows()).facts().offers
    assert offers["target_mean"] == pytest.approx(4.5)
    assert offers["target_deviation"] == pytest.approx((33 / 4) ** 0.5)


def test_a_validation_split_of_ones_own_is_used_whole() -> None:
    source = Datasets(train=Rows(), test=Rows(5), validation=Rows(3))
    data = source.on(CPU, 0, source.facts())
    assert (len(data.train), len(data.heldout), len(data.test)) == (COUNT, 3, 5)
    assert source.facts().validation_examples == 3
    with pytest.raises(InputError, match="`holdout` cannot be combined with the validation split"):
        source.check_held_out(1)


class Drifting(Rows):
    """Draws from a private generator, which nobody seeds."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = np.random.default_rng(0)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        numbers, target = super().__getitem__(index)
        return numbers + self.generator.random(), target


class Broken(Rows):
    def __getitem__(self, index: int) -> tuple[Any, Any]:
        raise ZeroDivisionError


def change_in_place(example: tuple[Tensor, float], generator: torch.Generator) -> tuple[Tensor, float]:
    example[0].add_(1)
    return example


def time_first(examples: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    inputs, targets = padded(examples)
    return inputs["tokens"].T.float(), targets


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Any:
        yield 1


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"train": Endless()}, r"`train` must have examples by number: Endless\n\nhint: write a class"),
        ({"test": []}, "`test` must have a length of at least 1: list"),
        ({"workers": -1}, "`workers` of a data set must be a whole number"),
        (
            {"train": [(torch.ones(2), 1), (torch.ones(3), 1)]},
            r"2 examples cannot become a batch: .*\n\nhint: give a `coll",
        ),
        ({"train": Rows}, r"`train` must be an object, not a class: Rows\n\nhint: make one: `Rows\(...\)`"),
        ({"collate_fn": 3}, "`collate_fn` must be a function: int"),
        ({"fingerprint": "v1"}, r"must be a `prunesweep.Declared`, not str"),
        ({"train": [(None, 1)]}, r"1 example cannot become a batch: .*\n\nhint: return tensors, arrays or numbers"),
        ({"train": [None]}, r"example 0 is None\n\nhint: end `__getitem__`, or `augment`, with `return`"),
        ({"train": [([1.0, 2.0], 1)]}, r"lists of numbers, each of which would be an input: \(float, float\)"),
        ({"train": [(1, 2, 3)]}, r"not \(int64 \(1,\), int64 \(1,\), int64 \(1,\)\)\n\nhint: .* several inputs"),
        ({"test": [(np.ones(2, np.int32), 1.0)]}, r"test examples must have .* float32 \(\), not int32 \(2,\) and"),
        ({"augment": lambda example: example}, r"example 0 cannot be augmented: TypeError: "),
        (
            {"augment": change_in_place, "train": [(torch.ones(1), 1.0)] * 2},
            r"differ when [^;]*; and change copies of examples",
        ),
        (
            {"train": SEQUENCES, "test": SEQUENCES, "collate_fn": time_first},
            r"a batch of 10 examples must count them, not inputs float32 \(4, 10\)",
        ),
        ({"train": [torch.ones(2)] * 3}, r"a batch must be \(inputs, targets\), not float32 \(2, 2\)\n\nhint: let the"),
        ({"train": [("text", 1)]}, r"the inputs of a batch must be a tensor, .* not \(str\)"),
        ({"train": [{"x": 1}], "target": "y"}, "examples have no `y`, which `target` says: dict with the keys x"),
        ({"train": Drifting()}, r"training examples differ when they are read again\n\nhint: draw random numbers from"),
        ({"test": Broken()}, "example 0 cannot be read: ZeroDivisionError"),
        ({"train": [(1, 2)], "target": "y"}, "examples have no `y`, which `target` says: list"),
        (
            {"test": type("Bad", (Rows,), {"__getitem__": lambda self, index: 1 / 0})()},
            r"example 0 cannot be read: Zero.*\n\nhint: read `dataset\[0\]` in Python",
        ),
    ],
)
def test_what_is_not_a_data_set(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        Datasets(**({"train": Rows(), "test": Rows()} | parts)).facts()


def test_data_that_cannot_be_meant() -> None:
    same = [(torch.tensor([float(index)]), 1.0) for index in range(4)]
    with pytest.raises(InputError, match="the targets of all 4 training rows are the same"):
        Datasets(train=same, test=Rows(), noun="row").inspected()
    blank = [(torch.zeros(2), float(index)) for index in range(4)]
    with pytest.raises(InputError, match="the inputs of all 4 training examples are the same"):
        Datasets(train=blank, test=Rows()).inspected()
    with pytest.raises(InputError, match="the test inputs must be finite numbers, but 1 "):
        Datasets(train=Rows(), test=[(torch.tensor([1.0, float("nan")]), 1.0)]).inspected()
    labeled = [(torch.tensor([float(index)]), index % 5) for index in range(5)]
    with pytest.raises(InputError, match="`holdout` must leave training examples of every class, but 1 of 5"):
        Datasets(train=labeled, test=labeled).check_held_out(1)
    assert Datasets(train=labeled[:4], test=labeled).facts().notes == (
        "classes of test examples without training examples: 1",
    )
