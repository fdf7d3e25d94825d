"""Tensors in memory: what they tell about themselves, and what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from workers.data.examples.arrays import Arrays
from workers.data.examples.fingerprint import Declared
from workers.errors import BadInput, InputError
from workers.trial import Recipe

CPU = torch.device("cpu")


def arrays(inputs: Any, targets: Any, **more: Any) -> Arrays:
    return Arrays(train_inputs=inputs, train_targets=targets, test_inputs=inputs, test_targets=targets, **more)


ROWS = torch.arange(12.0).view(4, 3)
PRICES = torch.tensor([1.0, 2.0, 3.0, 6.0])
PRICE = {"outputs": 1, "target_shape": (), "target_mean": 3.0, "target_deviation": 3.5**0.5}
LABELS = torch.tensor([0, 2, 1, 0])
TOKENS = torch.tensor([[1, 4], [0, 2], [3, 3], [2, 1]])


@pytest.mark.parametrize(
    ("inputs", "targets", "offers"),
    [
        (ROWS, PRICES, {"input_shape": (3,), "features": 3} | PRICE),
        (ROWS, ROWS[:, :2], {"input_shape": (3,), "features": 3, "outputs": 2, "target_shape": (2,)}),
        (ROWS, LABELS, {"input_shape": (3,), "features": 3, "classes": 3, "outputs": 3}),
        (TOKENS, TOKENS + 1, {"input_shape": (2,), "vocabulary": 6, "classes": 6, "outputs": 6}),
        ((ROWS, TOKENS), PRICES, {"input_shapes": ((3,), (2,))} | PRICE),
        ({"a": ROWS, "b": TOKENS}, LABELS, {"input_shapes": {"a": (3,), "b": (2,)}, "classes": 3, "outputs": 3}),
    ],
)
def test_what_networks_may_ask_for(inputs: Any, targets: Any, offers: dict[str, Any]) -> None:
    assert arrays(inputs, targets).facts().offers == offers
    more = arrays(inputs, targets, offers={"classes": 9, "depth": 2}).facts().offers
    assert more == offers | {"classes": 9, "depth": 2}


def test_facts_as_a_plan_keeps_them() -> None:
    facts = arrays({"ids": TOKENS, "scale": ROWS}, PRICES, noun="row").facts().to_json()
    assert facts.pop("fingerprint").startswith("sha256:")
    assert facts == {
        "train_examples": 4,
        "test_examples": 4,
        "noun": "row",
        "inputs": "{ids: int64 (2,), scale: float32 (3,)}",
        "targets": "float32",
        "offers": {"input_shapes": {"ids": (2,), "scale": (3,)}} | PRICE,
    }


def test_every_byte_and_every_name_is_in_the_fingerprint() -> None:
    changed = ROWS.clone()
    changed[2, 1] += 1e-3
    variants = [
        arrays(ROWS, PRICES),
        arrays(changed, PRICES),
        arrays(ROWS.double(), PRICES),
        arrays(ROWS, PRICES.view(4, 1)),
        arrays((ROWS,), PRICES),
        arrays({"x": ROWS}, PRICES),
        arrays({"y": ROWS}, PRICES),
        dataclasses.replace(arrays(ROWS, PRICES), validation_inputs=ROWS, validation_targets=PRICES),
    ]
    assert len({variant.facts().fingerprint for variant in variants}) == len(variants)
    assert arrays(ROWS.T.contiguous().T, PRICES).facts().fingerprint == variants[0].facts().fingerprint


def test_a_fingerprint_can_be_declared_with_its_reason() -> None:
    declared = arrays(ROWS, PRICES, fingerprint=Declared("prices of May", reason="hashing takes an hour"))
    assert declared.facts().fingerprint == "declared:prices of May"
    assert declared.inspected().facts().notes == (
        "the fingerprint is declared, so changed data go unnoticed: hashing takes an hour",
    )
    with pytest.raises(BadInput, match="must have a `reason`"):
        Declared("prices of May", reason=" ")


def test_a_validation_split_of_ones_own_is_used_whole() -> None:
    data = arrays(ROWS, PRICES, validation_inputs=ROWS[:2], validation_targets=PRICES[:2])
    assert data.facts().validation_examples == 2
    opened = data.on(CPU, 0, data.facts())
    assert (len(opened.train), len(opened.heldout), len(opened.test)) == (4, 2, 4)
    with pytest.raises(InputError, match="`holdout` cannot be combined with the validation split"):
        data.check_held_out(1)


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        ([1, 2], PRICES, r"training inputs must be a tensor, .* not \(int, int\)\n\nhint: .*torch.tensor"),
        (ROWS.to_sparse(), PRICES, r"must be dense tensors in main memory, not sparse_coo\n\nhint: .*to_dense"),
        (ROWS.to("meta"), PRICES, "training inputs must be dense tensors in main memory, not on meta"),
        (ROWS.numpy(), PRICES, r"not ndarray\n\nhint: .*from_numpy"),
        ({}, PRICES, "training inputs must be a tensor"),
        ({"a": 3}, PRICES, "not {a: int}"),
        (ROWS, PRICES[:3], r"the same first dimension, .*: float32 \(4, 3\) and float32 \(3,\)"),
        (ROWS, torch.tensor(1.0), "the same first dimension"),
        (ROWS[:0], PRICES[:0], "at least 1"),
    ],
)
def test_what_is_not_a_part_of_a_data_set(inputs: Any, targets: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        arrays(inputs, targets)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"fingerprint": "v1"}, r"`fingerprint` must be a `prunesweep.Declared`, not str\n\nhint: write"),
        ({"noun": 3}, "`noun` must be text, what an example is called: 3"),
        ({"class_names": "cat"}, "`class_names` must list the names of the classes as text: 'cat'"),
        ({"class_names": ["a", "b"]}, "`class_names` must name all 3 classes: 2"),
        ({"offers": ["depth"]}, r"`offers` must be a dict of values by name, not \(str\)"),
        ({"offers": {"depth": torch.ones(2)}}, r"offer `depth` must be a number, .*, not float32 \(2,\)"),
        ({"offers": {3: 4}}, "an offer must have the name of a parameter: 3"),
    ],
    ids=str,
)
def test_what_users_say_of_their_data_must_be_fit_to_keep(said: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        arrays(ROWS, LABELS, **said).facts()


def test_names_may_be_in_any_order_and_gradients_are_left_out() -> None:
    computed = ROWS.clone().requires_grad_() * 2
    data = Arrays(
        train_inputs={"a": computed, "b": ROWS},
        train_targets=PRICES,
        test_inputs={"b": ROWS, "a": ROWS},
        test_targets=PRICES,
    )
    train = data.on(CPU, 0, data.facts()).train
    assert isinstance(train.inputs, dict)
    assert not train.inputs["a"].requires_grad


def test_parts_must_look_alike() -> None:
    with pytest.raises(BadInput, match=r"test examples must have .* float32 \(3,\) and float32 \(\), not float64"):
        Arrays(train_inputs=ROWS, train_targets=PRICES, test_inputs=ROWS.double(), test_targets=PRICES)
    with pytest.raises(BadInput, match="must be given together"):
        arrays(ROWS, PRICES, validation_inputs=ROWS)


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (torch.where(ROWS == 5, torch.nan, ROWS), PRICES, "training inputs must be finite numbers, but 1 of 12"),
        (ROWS, torch.where(PRICES == 6, torch.inf, PRICES), "training targets must be finite"),
        (torch.ones(4, 3), PRICES, "the inputs of all 4 training examples are the same"),
        (ROWS, torch.ones(4), "the targets of all 4 training examples are the same"),
    ],
)
def test_data_that_cannot_be_meant(inputs: Tensor, targets: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        arrays(inputs, targets).inspected()


def test_odd_classes_are_noted_and_none_may_be_held_out_whole() -> None:
    data = Arrays(train_inputs=ROWS, train_targets=LABELS, test_inputs=ROWS, test_targets=LABELS + 1, noun="row")
    assert data.inspected().facts().notes == ("classes of test rows without training rows: 1",)
    with pytest.raises(InputError, match=r"`holdout` must leave training rows of every class, but . of 3"):
        data.check_held_out(2)


@pytest.mark.parametrize(
    "change", [{"crop_padding": 2}, {"horizontal_flip": True}, {"normalization": [[0.5], [0.5]]}], ids=str
)
def test_settings_for_images_are_refused(change: dict[str, Any]) -> None:
    data = arrays(ROWS, PRICES)
    recipe = Recipe(batch_size=2, optimizer="SGD", **change)
    with pytest.raises(InputError, match=f"`{next(iter(change))}` works on images only"):
        data.on(CPU, 0, data.facts()).stream(recipe, 0, "dense")
