"""Which Parquet files belong to which part, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.closed import close
from tests.support.parquet import PAIR, encode, gray, write, write_pair
from workers.data.image_parquet import image_parquet
from workers.errors import InputError


def classified(file: Path, labels: list[int], names: list[str]) -> None:
    """A file with ClassLabel names, as Hugging Face writes them."""
    write(file, [encode(gray(10 * label)) for label in range(len(labels))], labels)
    features = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    table = pq.read_table(file)
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), file)


def test_class_labels_are_mapped_by_name(tmp_path: Path) -> None:
    classified(tmp_path / "train.parquet", [0, 1, 2, 0], ["cat", "dog", "emu"])
    classified(tmp_path / "test.parquet", [0, 1, 2], ["emu", "cat", "dog"])
    images = image_parquet(path=str(tmp_path))
    assert images.train_labels.tolist() == [0, 1, 2, 0]
    assert images.test_labels.tolist() == [2, 0, 1]
    assert images.class_names == ("cat", "dog", "emu")


def test_shards_of_training_images_are_mapped_by_name_too(tmp_path: Path) -> None:
    classified(tmp_path / "train-00000-of-00002.parquet", [0, 1], ["cat", "dog"])
    classified(tmp_path / "train-00001-of-00002.parquet", [0, 1], ["dog", "cat"])
    classified(tmp_path / "test.parquet", [0, 1], ["cat", "dog"])
    assert image_parquet(path=str(tmp_path)).train_labels.tolist() == [0, 1, 1, 0]


def test_test_classes_may_be_a_part_of_the_training_classes(tmp_path: Path) -> None:
    classified(tmp_path / "train.parquet", [0, 1, 2], ["cat", "dog", "emu"])
    classified(tmp_path / "test.parquet", [0, 1], ["emu", "cat"])
    assert image_parquet(path=str(tmp_path)).test_labels.tolist() == [2, 0]


def test_class_names_that_training_lacks_are_named(tmp_path: Path) -> None:
    classified(tmp_path / "train.parquet", [0, 1], ["cat", "dog"])
    classified(tmp_path / "test.parquet", [0, 1], ["emu", "dog"])
    with pytest.raises(InputError, match=r"test\.parquet .* a label that no training image has:\n  emu"):
        image_parquet(path=str(tmp_path))


def test_a_test_part_may_have_names_where_training_has_numbers(tmp_path: Path) -> None:
    classified(tmp_path / "train.parquet", [0, 1], ["cat", "dog"])
    write(tmp_path / "test.parquet", PAIR, ["dog", "cat"])
    assert image_parquet(path=str(tmp_path)).test_labels.tolist() == [1, 0]
    write(tmp_path / "test.parquet", PAIR, ["dog", "emu"])
    with pytest.raises(InputError, match=r"test\.parquet .* a label that no training image has:\n  emu"):
        image_parquet(path=str(tmp_path))


def test_an_unlabeled_test_part_can_be_replaced(tmp_path: Path) -> None:
    classified(tmp_path / "train.parquet", [0, 1, 1], ["cat", "dog"])
    classified(tmp_path / "test.parquet", [-1, -1], ["cat", "dog"])
    classified(tmp_path / "validation.parquet", [1, 0], ["cat", "dog"])
    with pytest.raises(InputError, match=r"are all -1: this part has no labels\n\nhint: .*`test_split: validation`"):
        image_parquet(path=str(tmp_path))
    assert image_parquet(path=str(tmp_path), test_split="validation").test_labels.tolist() == [1, 0]


def test_parts_are_chosen_by_their_whole_name(tmp_path: Path) -> None:
    for value, part in enumerate(("train", "train_small", "val", "validation")):
        write(tmp_path / f"{part}-00000-of-00001.parquet", [encode(gray(value))] * 2)
    for split, value in (("train", 0), ("train_small", 1)):
        images = image_parquet(path=str(tmp_path), train_split=split, test_split="val")
        assert (images.train_images.unique().tolist(), images.test_images.unique().tolist()) == ([value], [2])
    with pytest.raises(InputError, match=r"no test images found .*Parquet files: train-00000-of-00001.parquet, "):
        image_parquet(path=str(tmp_path), train_split="train", test_split="tes")
    with pytest.raises(InputError, match="`train_split` and `test_split` must differ: `val`"):
        image_parquet(path=str(tmp_path), train_split="val", test_split="val")


def test_parts_in_folders_are_chosen_by_name(tmp_path: Path) -> None:
    for value, part in enumerate(("labeled", "unlabeled", "holdout")):
        write(tmp_path / part / "0000.parquet", [encode(gray(value))] * 2)
    images = image_parquet(path=str(tmp_path), train_split="labeled", test_split="holdout")
    assert (images.train_images.unique().tolist(), images.test_images.unique().tolist()) == ([0], [2])


@pytest.mark.parametrize("suffix", ["", "-0a1b2c3d4e5f6789", ".snappy", "-0a1b-2c3d.c000.zstd", "_v2"])
def test_missing_shards_are_refused(tmp_path: Path, suffix: str) -> None:
    for shard in (0, 2):
        write(tmp_path / f"train-0000{shard}-of-00003{suffix}.parquet", PAIR)
    write(tmp_path / "test.parquet", PAIR)
    with pytest.raises(InputError, match=r"has only 2 of 3 shards: train-00000-of.*\n\nhint: fetch the others: 1$"):
        image_parquet(path=str(tmp_path))


def test_a_table_without_a_column_of_labels(tmp_path: Path) -> None:
    for part in ("train", "test"):
        columns = {"image": [encode(gray(0))], "boxes": [[1, 2]]}
        pq.write_table(pa.table(columns), tmp_path / f"{part}.parquet")
    with pytest.raises(
        InputError, match=r"no column can be `label_column`, .* one label in each row: .*`boxes` \(list"
    ):
        image_parquet(path=str(tmp_path))


def test_gaps_in_the_numbers_of_files_are_noted(tmp_path: Path) -> None:
    for shard in (0, 2, 5):
        write(tmp_path / "train" / f"000{shard}.parquet", PAIR)
    write(tmp_path / "test" / "0003.parquet", PAIR)
    notes = image_parquet(path=str(tmp_path)).notes
    assert [note for note in notes if "files" in note] == [
        "the numbers of the training files have gaps, so files may be missing: 1, 3, 4"
    ]


def test_shards_may_be_counted_from_one(tmp_path: Path) -> None:
    write(tmp_path / "test.parquet", PAIR)
    write(tmp_path / "train_2_of_2.parquet", PAIR)
    with pytest.raises(InputError, match=r"has only 1 of 2 shards: train_2_of_2.*\n\nhint: fetch the others: 1$"):
        image_parquet(path=str(tmp_path))
    write(tmp_path / "train_1_of_2.parquet", PAIR)
    assert len(image_parquet(path=str(tmp_path)).train_images) == 4


def test_shards_of_two_versions_are_refused(tmp_path: Path) -> None:
    for name in ("train-00000-of-00002-aaaa", "train-00001-of-00002-aaaa", "train-00000-of-00001-bbbb"):
        write(tmp_path / f"{name}.parquet", PAIR)
    write(tmp_path / "test.parquet", PAIR)
    with pytest.raises(InputError, match=r"files of several versions of a data set:\n  train-00000-of-00001-bbbb"):
        image_parquet(path=str(tmp_path))


def test_unfinished_downloads_are_refused(tmp_path: Path) -> None:
    path = write_pair(tmp_path, PAIR)
    (tmp_path / "train-2.parquet.incomplete").touch()
    with pytest.raises(InputError, match=r"has unfinished downloads:\n  train-2.parquet.incomplete"):
        image_parquet(path=path)


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write(tmp_path / part / "0000.parquet", PAIR)
        (tmp_path / part / "._0000.parquet").write_bytes(b"resources of a Macintosh")
        write(tmp_path / ".cache" / part / "0000.parquet", PAIR)
    assert len(image_parquet(path=str(tmp_path)).train_images) == 2


def test_a_part_of_the_training_images_can_be_the_test_set(tmp_path: Path) -> None:
    for shard in range(2):
        values = range(10 * shard, 10 * shard + 10)
        labels = [value % 2 for value in values]
        write(tmp_path / f"train-0000{shard}-of-00002.parquet", [encode(gray(value)) for value in values], labels)
    images = image_parquet(path=str(tmp_path), split={"test": "20%", "seed": 1})
    train, test = (part[:, 0, 0, 0].tolist() for part in (images.train_images, images.test_images))
    assert (sorted(train + test), len(test)) == (list(range(20)), 4)
    assert images.test_labels.tolist() == [value % 2 for value in test]
    assert images.train_labels.tolist() == [value % 2 for value in train]
    assert sorted(images.test_labels.tolist()) == [0, 0, 1, 1]
    with pytest.raises(InputError, match="cannot be combined with `test_split`"):
        image_parquet(path=str(tmp_path), split={"test": "20%"}, test_split="test")


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "more"
    for folder in (tmp_path, closed, tmp_path / "lost+found"):
        folder.mkdir(exist_ok=True)
        write_pair(folder, PAIR)
    close(monkeypatch, tmp_path / "lost+found")
    with pytest.raises(InputError, match="holds several data sets"):
        image_parquet(path=str(tmp_path))
    close(monkeypatch, closed)
    with pytest.raises(InputError, match=f"cannot read images in `{closed}`: Permission denied"):
        image_parquet(path=str(tmp_path))
