"""Image files that a table lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from workers.data.image_table import image_table
from workers.data.loading import load_facts
from workers.errors import BadInput, InputError
from workers.trial import Dataset

NAMES = [f"{number}.png" for number in range(6)]
LABELS = ["dog", "cat", "dog", "cat", "dog", "cat"]
PARTS = ["train", "train", "train", "test", "test", "train"]


def table(folder: Path, text: str | None = None, name: str = "images.csv") -> str:
    """A CSV file in a folder of six images of 8×8 pixels."""
    for number, file in enumerate(NAMES):
        Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) + number).save(folder / file)
    if text is None:
        rows = [",".join(row) for row in zip(NAMES, LABELS, PARTS, strict=True)]
        text = "\n".join(["path,label,split", *rows])
    (folder / name).write_text(text)
    return str(folder / name)


def test_a_column_says_which_part_a_row_is_in(tmp_path: Path) -> None:
    files = image_table(path=table(tmp_path))
    assert (files.train_paths, files.train_labels) == (["0.png", "1.png", "2.png", "5.png"], [1, 0, 1, 0])
    assert (files.test_paths, files.test_labels) == (["3.png", "4.png"], [0, 1])
    assert (files.classes, files.class_names, files.image_size) == (2, ("cat", "dog"), 8)
    facts = load_facts(Dataset(name="image_table", arguments={"path": str(tmp_path / "images.csv")}))
    assert (facts.train_images, facts.test_images, facts.input_shape) == (4, 2, (3, 8, 8))


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_separators_and_a_byte_order_mark_are_understood(tmp_path: Path, separator: str) -> None:
    rows = [f"{name}{separator}{label}" for name, label in zip(NAMES, LABELS, strict=True)]
    path = table(tmp_path, "\ufeff" + "\r\n".join([f"Filename{separator}Class", *rows]))
    files = image_table(path=path, split={"test": "33%"})
    assert (len(files.train_paths), sorted(files.test_labels)) == (4, [0, 1])


def test_columns_can_be_named(tmp_path: Path) -> None:
    rows = [f"{name},{label},{part}x" for name, label, part in zip(NAMES, LABELS, PARTS, strict=True)]
    path = table(tmp_path, "\n".join(["where,what,when", *rows]))
    files = image_table(
        path=path,
        path_column="where",
        label_column="what",
        split_column="when",
        train_split="trainx",
        test_split="testx",
    )
    assert (len(files.train_paths), len(files.test_paths)) == (4, 2)
    with pytest.raises(InputError, match=r"`path_column` must be given for .*columns are `where`, `what`, `when`"):
        image_table(path=path)
    with pytest.raises(InputError, match=r"`label_column` not found in .*: `wht`\n\nhint: the columns are `where`"):
        image_table(path=path, path_column="where", label_column="wht")


def test_a_second_table_can_have_the_test_images(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label\n0.png,7\n1.png,3\n2.png,7\n")
    other = table(tmp_path, "path,label\n3.png,3\n4.png,7\n", "test.csv")
    files = image_table(path=path, test_path=other)
    assert (files.train_labels, files.test_labels, files.class_names) == ([1, 0, 1], [0, 1], ("3", "7"))
    with pytest.raises(InputError, match="`test_path` cannot be combined with `split`"):
        image_table(path=path, test_path=other, split={"test": "20%"})


def test_a_parquet_table_and_a_root(tmp_path: Path) -> None:
    table(tmp_path)
    (tmp_path / "tables").mkdir()
    path = tmp_path / "tables" / "all.parquet"
    labels = pa.array(LABELS).dictionary_encode()
    pq.write_table(pa.table({"image": [f".\\{name}" for name in NAMES], "target": labels, "split": PARTS}), path)
    files = image_table(path=str(path), root=str(tmp_path))
    assert (files.train_paths[0], files.train_labels) == ("./0.png", [1, 0, 1, 0])
    assert files.image_size == 8


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("path,label\n0.png,1\n1.png,2\n", {}, r"does not say which images are for training: it has no column `split`"),
        ("path,label,split\n0.png,1,a\n", {}, r"does not say which images are for training: its parts are a"),
        ("path,label,split\n0.png,1,train\n1.png,2,x\n", {}, r"which images are for testing: its parts are train, x"),
        ("path,label,split\n0.png,1,train\n1.png,,test\n", {}, r"rows without a label: 1"),
        ("path,label,split\n0.png,a,train\n1.png,,test\n", {}, r"rows without a label: 1"),
        ("path,label,split\n0.png,a,train\n1.png,NaN,test\n", {}, r"rows without a label: 1"),
        ("path,label,split\n0.png,a,train\n,b,test\n", {}, r"rows without a path: 1"),
        (
            "path,label,split\n0.png,a,train\n1.png,a,test\n2.png,a,\n",
            {},
            r"for training or testing: 1",
        ),
        ("path,label,split\n0.png,a,train\n1.png,b,test\n", {}, r"a label that no training image has:\n  b"),
        ("path,label\n0.png,a\n0.png,b\n", {"split": {"test": "50%"}}, r"several labels to one file:\n  0.png"),
        ("path,label,split\n0.png,01,train\n1.png,1,test\n", {}, r"one class or several:\n  `01`, `1`\n\nhint: write"),
        ("path,label,split\n0.png,cat,train\n1.png,cat ,test\n", {}, r"one class or several:\n  `cat`, `cat `"),
        ("path,label\n", {}, "has no rows"),
        ("", {}, "is empty\n\nhint: each row must have the path and the label"),
        ("\n \n", {}, "is empty"),
        ("0.png,a\n1.png,b\n", {}, "`path_column` must be given .*columns are `0.png`, `a`"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, text: str, arguments: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        image_table(path=table(tmp_path, text), **arguments)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("path,label\n0.png,a\n\n1.png,b,c\n2.png\n", {4: "3 columns", 5: "1 column"}),
        ('path,label\n"0\n.png",a\n1.png,b,\n', {4: "3 columns"}),
        ('path;label\n"0.png;a\n1.png;b\n', {2: "1 column"}),
        ('path,label\n0.png,a\n"1.png,b\n' + "2.png,c\n" * 20_000, {3: "a quote without its end"}),
    ],
)
def test_rows_of_another_length_are_named_with_their_lines(tmp_path: Path, text: str, lines: dict[int, str]) -> None:
    path = table(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        image_table(path=path, split={"test": "50%"})
    listed = "".join(f"\n  {path}:{line}: {count}" for line, count in lines.items())
    assert caught.value.message == f"rows must have 2 columns, as the first line has:{listed}"
    assert caught.value.hint.startswith("complete or remove these rows")


def test_labels_that_may_be_wrong_are_noted(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label\n0.png,-1\n1.png,0\n2.png,-1\n3.png,0\n")
    notes = image_table(path=path, split={"test": "50%"}).inspected().notes
    assert "the label -1, which often means unlabeled, is a class: 1 training image" in notes
    path = table(tmp_path, "path,label\n0.png,Cat\n1.png,cat\n2.png,Cat\n3.png,cat\n")
    notes = image_table(path=path, split={"test": "50%"}).inspected().notes
    assert "classes whose names differ only in case or spaces: `Cat`, `cat`" in notes


@pytest.mark.parametrize("kept", [0, 6, 100, -3])
def test_a_damaged_parquet_table_is_answered_with_a_remedy(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "images.parquet"
    pq.write_table(pa.table({"path": NAMES, "label": LABELS}), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BadInput, match=r"images\.parquet cannot be read: Parquet") as caught:
        image_table(path=str(path))
    assert caught.value.hint.startswith("copy or download the file again")


def test_labels_of_two_tables_are_compared_as_they_are_written(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label\n0.png,01\n1.png,02\n")
    other = table(tmp_path, "path,label\n3.png,1\n", "test.csv")
    with pytest.raises(InputError, match=r"one class or several:\n  `01`, `1`"):
        image_table(path=path, test_path=other)
    table(tmp_path, "path,label\n3.png,2.0\n4.png,1.0\n", "test.csv")
    path = table(tmp_path, "path,label\n0.png,1\n1.png,2\n")
    assert list(image_table(path=path, test_path=other).test_labels) == [1, 0]


def test_names_of_files_that_look_like_numbers_stay_as_they_are_written(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label,split\n01,a,train\n02,b,train\n03,a,test\n")
    for number in range(1, 4):
        (tmp_path / f"{number}.png").rename(tmp_path / f"0{number}")
    assert image_table(path=path).train_paths == ["01", "02"]


def test_missing_tables_and_images_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`path` not found: `.*gone.csv`"):
        image_table(path=str(tmp_path / "gone.csv"))
    with pytest.raises(InputError, match=r"`path` must be a file, not a folder"):
        image_table(path=str(tmp_path))
    path = table(tmp_path)
    (tmp_path / "1.png").unlink()
    (tmp_path / "3.png").unlink()
    with pytest.raises(BadInput, match=r"2 images cannot be read:\n.*1\.png: No such file.*\n.*3\.png"):
        load_facts(Dataset(name="image_table", arguments={"path": path}))


def test_rows_of_other_parts_are_noted(tmp_path: Path) -> None:
    files = image_table(path=table(tmp_path, "path,label,split\n0.png,a,train\n1.png,a,test\n2.png,b,extra\n"))
    assert files.notes == ("1 row left out, of other parts: extra",)


def test_spaces_around_the_name_of_a_part_are_left_out(tmp_path: Path) -> None:
    files = image_table(path=table(tmp_path, "path,label, split\n0.png,a, train\n1.png,b,train \n2.png,a,\ttest\n"))
    assert (files.train_paths, files.test_paths) == (["0.png", "1.png"], ["2.png"])


def test_a_table_in_another_encoding_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "images.csv").write_bytes("path,label\n0.png,é\n".encode("latin-1"))
    with pytest.raises(
        BadInput, match=r"images\.csv cannot be read: 'utf-8'(.*\n)+hint: save the table as CSV in UTF-8"
    ):
        image_table(path=str(tmp_path / "images.csv"))


def test_the_ending_of_a_parquet_table_may_be_in_capitals(tmp_path: Path) -> None:
    table(tmp_path)
    pq.write_table(pa.table({"path": NAMES, "label": LABELS, "split": PARTS}), tmp_path / "T.PARQUET")
    assert image_table(path=str(tmp_path / "T.PARQUET")).class_names == ("cat", "dog")


def test_images_in_both_parts_are_noted(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label,split\n0.png,a,train\n1.png,b,train\n1.png,b,test\n")
    facts = load_facts(Dataset(name="image_table", arguments={"path": path}))
    assert facts.notes == ("files that are both training and test images: 1",)


def test_labels_and_paths_in_bytes_are_text(tmp_path: Path) -> None:
    table(tmp_path)
    file = str(tmp_path / "images.parquet")
    columns = {"path": [name.encode() for name in NAMES], "label": pa.array([b"dog", b"cat"] * 3, pa.binary(3))}
    pq.write_table(pa.table(columns | {"split": PARTS}), file)
    assert image_table(path=file).class_names == ("cat", "dog")
    for column, values, message in (
        (
            "label",
            [b"dog", b"\xff"] * 3,
            r"column `label` of `.*images\.parquet`, row 1: bytes must be text in UTF-8: b'\\xff'",
        ),
        ("path", [[name] for name in NAMES], r"column `path` of `.*` must hold text, not list<"),
    ):
        pq.write_table(pa.table(columns | {column: values, "split": PARTS}), file)
        with pytest.raises(InputError, match=message):
            image_table(path=file)
