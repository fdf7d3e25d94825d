"""Arrays and tables in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from workers.data.examples.array_file import arrays
from workers.data.examples.table import table
from workers.data.loading import load_facts
from workers.errors import BadInput, InputError
from workers.trial import Dataset

ROWS = torch.arange(12.0).view(6, 2)
NAMED = {
    "train_inputs": ROWS,
    "train_targets": ROWS.sum(1),
    "test_inputs": ROWS[:2].clone(),
    "test_targets": ROWS[:2].sum(1),
}


def test_arrays_of_both_kinds_of_files_are_the_same_data(tmp_path: Path) -> None:
    save_file(NAMED, tmp_path / "data.safetensors")
    np.savez(tmp_path / "data.npz", **{name: value.numpy() for name, value in NAMED.items()})
    facts = [
        load_facts(Dataset(name="arrays", arguments={"path": str(tmp_path / name)}))
        for name in ("data.npz", "data.safetensors")
    ]
    assert facts[0].fingerprint == facts[1].fingerprint
    assert (facts[0].train_examples, facts[0].test_examples, facts[0].offers["features"]) == (6, 2, 2)


def test_arrays_become_what_networks_compute_with(tmp_path: Path) -> None:
    inputs, labels = np.arange(8.0).reshape(4, 2), np.array([0, 1, 1, 0])
    path = str(tmp_path / "data.npz")
    fingerprints = set()
    for kind, whole in (("f8", "i4"), (">f4", "u2"), ("f2", ">i8"), ("g", "u1")):
        np.savez(path, inputs=np.asfortranarray(inputs.astype(kind)), targets=labels.astype(whole))
        facts = arrays(path=path, split={"test": "40%"}).facts()
        fingerprints.add(facts.fingerprint)
        assert (facts.to_json()["inputs"], facts.to_json()["targets"]) == ("float32 (2,)", "int64")
    assert len(fingerprints) == 1
    np.savez(path, inputs=inputs, targets=labels[:2])
    with pytest.raises(BadInput, match="must have the same first dimension"):
        arrays(path=path, split={"test": "40%"})


def test_several_inputs_by_name_and_by_number(tmp_path: Path) -> None:
    path = str(tmp_path / "data.safetensors")
    parts = {"inputs.b": ROWS, "inputs.a": ROWS + 1, "targets.1": ROWS * 2, "targets.0": ROWS * 3}
    save_file(parts | {f"validation_{name}": value.clone() for name, value in parts.items()}, path)
    source = arrays(path=path, split={"test": "50%", "seed": 1})
    assert isinstance(source.train_inputs, dict)
    assert isinstance(source.train_targets, tuple)
    assert list(source.train_inputs) == ["a", "b"]
    assert torch.equal(source.train_targets[0] * 2, source.train_targets[1] * 3)
    assert source.facts().validation_examples == 6
    assert isinstance(source.test_inputs, dict)
    both = torch.cat((source.train_inputs["b"], source.test_inputs["b"]))
    assert torch.equal(both.sort(0).values, ROWS)


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ({"train_inputs", "train_targets", "test_inputs"}, InputError, r"`test_targets`\n\nhint: name them .*split"),
        ({"train_inputs", "prices"}, InputError, r"has an unknown name: `prices`\n\nhint: name them"),
        ({"train_input"}, InputError, r"has an unknown name: `train_input`\n\nhint: did you mean `train_inputs`\?"),
        ({"inputs", "train_inputs"}, InputError, "has the array `train_inputs` with and without `train_`"),
        ({"inputs.0", "inputs.2", "targets"}, InputError, "numbered from 0, .*: `train_inputs.0`, `train_inputs.2`"),
        ({"inputs", "inputs.a"}, InputError, "or all have names: `train_inputs`, `train_inputs.a`"),
    ],
)
def test_arrays_that_are_missing_or_unknown(
    names: set[str], error: type[Exception], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "data.safetensors"
    save_file({name: ROWS.clone() for name in names}, path)
    with pytest.raises(error, match=message):
        arrays(path=str(path))


def test_files_of_arrays_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found"):
        arrays(path=str(tmp_path / "none.npz"))
    path = tmp_path / "data.npz"
    for kind, array in (("Python objects", np.array([{"a": 1}], dtype=object)), ("<U1", np.array(["a"]))):
        np.savez(path, allow_pickle=True, train_inputs=array)
        with pytest.raises(BadInput, match=f"array `train_inputs` of .* must hold numbers, not {kind}"):
            arrays(path=str(path))
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(BadInput, match=r"has a single array, without a name"):
        arrays(path=str(path))
    np.savez_compressed(path, train_inputs=np.arange(1000))
    whole = path.read_bytes()
    damaged = whole[:300] + bytes(100) + whole[400:]
    for name, content in (
        ("cut.safetensors", b"12"), ("cut.npz", b"PK"), ("empty.npz", b""), ("half.npz", whole[:500]),
        ("damaged.npz", damaged),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=r"cannot be read: .*\n\nhint: the file must be complete"):
            arrays(path=str(tmp_path / name))
    (tmp_path / "data.csv").touch()
    with pytest.raises(InputError, match=r"must end in `.safetensors` or `.npz`"):
        arrays(path=str(tmp_path / "data.csv"))


HOUSES = """\
size,rooms,town,new,price
50,2,Ulm,true,100.5
70,,Bonn,false,140
90,4,Ulm,true,180
40,1,,false,80
60,3,Bonn,true,120
80,4,Kiel,false,160
"""


def written(folder: Path, text: str = HOUSES, name: str = "houses.csv") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_numbers_are_scaled_and_categories_become_inputs(tmp_path: Path) -> None:
    path = written(tmp_path)
    test = written(tmp_path, "size,rooms,town,new,price\n65,3,Trier,true,7\n65,,Ulm,false,8\n", "test.csv")
    source = table(path=path, target="price", test_path=test)
    inputs, tested = source.train_inputs, source.test_inputs
    assert isinstance(inputs, torch.Tensor)
    assert isinstance(tested, torch.Tensor)
    size, rooms, missing, towns, new = inputs.split([1, 1, 1, 4, 1], 1)
    deviation = torch.tensor([50, 70, 90, 40, 60, 80.0]).std(correction=0)
    torch.testing.assert_close(size[:, 0], (torch.tensor([50, 70, 90, 40, 60, 80.0]) - 65) / deviation)
    assert rooms[1] == 0
    assert rooms.sum().abs() < 1e-6
    assert missing[:, 0].tolist() == [0, 1, 0, 0, 0, 0]
    assert towns.argmax(1).tolist() == [3, 1, 3, 0, 1, 2]  # "", Bonn, Kiel, Ulm
    assert set(new[:, 0].tolist()) == {-1.0, 1.0}
    assert tested[0].tolist()[3:7] == [0, 0, 0, 0]
    assert torch.equal(source.test_targets, torch.tensor([7.0, 8.0]))  # type: ignore[arg-type]
    assert torch.equal(source.train_targets[0], torch.tensor(100.5))  # type: ignore[index]
    assert source.notes == (
        "1 column of categories, each category an input: town (4)",
        "1 test row with a category of `town` that no training row has",
    )


def test_facts_tell_how_inputs_are_made_of_columns(tmp_path: Path) -> None:
    path = written(tmp_path)
    rows = pd.read_csv(path)
    source = table(path=path, target="price", test_path=path)
    parts = []
    for column in source.facts().to_json()["columns"]:
        values = rows[column["name"]]
        if "categories" in column:
            parts += [values.fillna("") == category for category in column["categories"]]
        else:
            parts.append(((values - column["mean"]) / column["deviation"]).fillna(0))
            parts += [values.isna()] if column["marks_missing"] else []
    assert source.train_inputs.shape == (6, len(parts))
    np.testing.assert_allclose(source.train_inputs, np.stack(parts, 1).astype(np.float32), rtol=1e-6)


def test_parquet_and_csv_with_the_same_rows_are_the_same_data(tmp_path: Path) -> None:
    path = written(tmp_path)
    columns = {
        "size": [50, 70, 90, 40, 60, 80],
        "rooms": [2, None, 4, 1, 3, 4],
        "town": pa.array(["Ulm", "Bonn", "Ulm", "", "Bonn", "Kiel"]).dictionary_encode(),
        "new": [True, False] * 3,
        "price": [100.5, 140, 180, 80, 120, 160],
    }
    pq.write_table(pa.table(columns), tmp_path / "houses.parquet")
    arguments: dict[str, Any] = {"target": "price", "split": {"test": "30%", "seed": 0}}
    one, other = (table(path=name, **arguments).facts() for name in (path, str(tmp_path / "houses.parquet")))
    assert one.fingerprint == other.fingerprint
    assert (one.train_examples, one.test_examples, one.noun) == (4, 2, "row")


def test_text_is_predicted_as_classes_and_parts_can_be_named(tmp_path: Path) -> None:
    said = ["part", "train", "train", "train", "train", "validation", "test"]
    lines = [f"{line},{part}" for line, part in zip(HOUSES.splitlines(), said, strict=True)]
    path = written(tmp_path, "\n".join(lines).replace("Kiel", "Ulm").replace("1,,", "1,Bonn,"))
    source = table(path=path, target="town", split_column="part", leave_out=["price"], categories=["rooms"])
    facts = source.facts()
    assert (facts.train_examples, facts.validation_examples, facts.test_examples) == (4, 1, 1)
    assert facts.class_names == ("Bonn", "Ulm")
    assert (facts.offers["classes"], facts.offers["features"]) == (2, 1 + 4 + 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "does not say which rows are for the test"),
        ({"target": "prise"}, r"column not found in .*: `prise`\n\nhint: did you mean `price`"),
        ({"target": "size"}, r"whole numbers, .*\n\nhint: add `target_type"),
        ({"target": "town", "target_type": "number"}, "does not hold numbers"),
        ({"target": "town"}, "has rows without a label: 1"),
        ({"leave_out": ["garden"]}, "column not found in .*: `garden`"),
        ({"columns": ["day"]}, r"column `day` holds neither numbers nor categories: date32.*\n\nhint: leave it out"),
        ({"split_column": "town"}, "must say `train`, `validation` or `test`: , Bonn, Kiel, Ulm"),
        ({"split_column": "town", "test_path": "x"}, "cannot be combined"),
        ({"categories": ["garden"]}, "column not found in .*: `garden`"),
        ({"columns": ["size"], "categories": ["town"]}, "`categories` names a column that is not an input: `town`"),
        ({"target": "day"}, r"column `day` of .* cannot be predicted: date32\[day\]"),
        ({"target": "rate"}, r"does not hold only numbers: `\?`\n\nhint: write numbers with a decimal point"),
        ({"target": "price", "target_type": "numbers"}, r"must be .*: numbers\n\nhint: did you mean `number`"),
        ({"columns": ["far"]}, r"column `far` has infinite numbers: 1\n\nhint: leave them empty"),
        (
            {"target": "wide", "target_type": "number", "columns": ["size"]},
            "targets of all 4 training rows are the same",
        ),
    ],
    ids=str,
)
def test_tables_that_cannot_be_used(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    lines = HOUSES.splitlines()
    odd = {3: ("?", "inf")}
    more = [f"2024-01-0{day},{','.join(odd.get(day, (f'{day}', '1.5')))},{2**60 + day}" for day in range(1, 7)]
    text = "\n".join(f"{line},{end}" for line, end in zip(lines, ["day,rate,far,wide", *more], strict=True))
    path = written(tmp_path, text)
    if arguments and not arguments.keys() & {"split_column"}:
        arguments = {"split": {"test": "30%"}} | arguments
    with pytest.raises(InputError, match=message):
        table(
            **({"path": path, "target": "price", "leave_out": [] if "columns" in arguments else ["day"]} | arguments)
        ).inspected()


def test_columns_that_tell_nothing_are_noted(tmp_path: Path) -> None:
    lines = [f"{row},{row * row % 7},1,{row % 5}.5" for row in range(20)]
    path = written(tmp_path, "\n".join(["id,a,same,price", *lines]))
    source = table(path=path, target="price", test_path=path)
    assert source.notes == (
        "columns left out, with one value in all training rows: same",
        "column `id` only tells rows apart: leave it out with `leave_out`",
    )


def test_tables_of_spreadsheets_and_pandas(tmp_path: Path) -> None:
    """Decimal commas, row numbers, categories that are numbers, numbers that are text in some rows, empty columns."""
    split = {"split": {"test": "50%"}}
    path = written(tmp_path, "a;void;price\n" + "\n".join(f"{row}0,5;;{row},25" for row in range(4)))
    source = table(path=path, target="price", **split)
    assert isinstance(source.train_targets, torch.Tensor)
    assert {value % 1 for value in source.train_targets.tolist()} == {0.25}
    assert source.notes == ("columns left out, with one value in all training rows: void",)
    frame = pd.DataFrame({"zip": [10, 20, 10, 20], "power": ["1.5", "2.5", "?", "3.5"], "kind": [7, 7, 9, 9]})
    frame.index = pd.Index([5, 3, 9, 1])
    frame.astype({"zip": "category", "kind": "category"}).to_parquet(tmp_path / "cars.parquet")
    facts = table(path=str(tmp_path / "cars.parquet"), target="kind", **split).facts()
    assert (facts.class_names, facts.offers["classes"]) == (("7", "9"), 2)
    assert facts.notes[0] == "row numbers of pandas are left out: column `__index_level_0__`"
    assert "column `power` is read as categories, because not all its values are numbers: `?`" in facts.notes


@pytest.mark.parametrize(
    ("rows", "test_rows", "message"),
    [
        ("a,a,price\n1,2,3", "", "columns of .*train.csv` must have different names: `a`"),
        ("a,price\n", "", "train.csv` has no rows"),
        ("a,price\n1,2.5\n2,3.5", "a,price\nten,2.5", "column `a` must hold numbers in test rows, .*, not `ten`"),
        ("a,price\n1,2.5\n2,3.5", "a,price\n1,ten", "column `price` must hold numbers in test rows, .* not `ten`"),
        ("a,price\n1,2.5\n2,3.5", "price\n1", "lacks `a`"),
    ],
)
def test_rows_that_cannot_be_used(rows: str, test_rows: str, message: str, tmp_path: Path) -> None:
    path, test_path = written(tmp_path, rows, "train.csv"), written(tmp_path, test_rows, "test.csv")
    with pytest.raises(InputError, match=message):
        table(path=path, test_path=test_path, target="price")
