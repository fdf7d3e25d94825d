from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from tests.support.parquet import PAIR, color, encode, gray, write, write_pair
from tests.support.places import SHARED
from workers.data.image_parquet import image_parquet
from workers.errors import BadInput, InputError

CIFAR = SHARED / "data" / "cifar10"


def test_pixels_and_labels_arrive(tmp_path: Path) -> None:
    images = image_parquet(path=write_pair(tmp_path, PAIR, [encode(gray(30))]))
    assert images.train_images.shape == (2, 1, 4, 4)
    assert images.train_images[:, 0, 0, 0].tolist() == [10, 20]
    assert images.test_images[0].unique().tolist() == [30]
    assert (images.train_labels.tolist(), images.test_labels.tolist(), images.classes) == ([0, 1], [0], 2)


def test_images_need_not_be_square(tmp_path: Path) -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    images = image_parquet(path=write_pair(tmp_path, [encode(pixels), encode(pixels)]))
    assert images.train_images[0, 0].tolist() == pixels.tolist()


@pytest.mark.parametrize(
    "layout",
    [
        ("train.parquet", "test.parquet"),
        ("data/train-00000-of-00001.parquet", "data/validation-00000-of-00001.parquet"),
        ("plain_text/train/0000.parquet", "plain_text/test/0000.parquet"),
        ("train_images.parquet", "val.parquet"),
    ],
)
def test_layouts_of_folders(tmp_path: Path, layout: tuple[str, str]) -> None:
    train, test = layout
    write(tmp_path / train, PAIR)
    write(tmp_path / test, PAIR)
    assert len(image_parquet(path=str(tmp_path)).train_images) == 2


def test_test_goes_before_validation(tmp_path: Path) -> None:
    write_pair(tmp_path, PAIR, [encode(gray(1))])
    write(tmp_path / "validation.parquet", [encode(gray(2))])
    assert image_parquet(path=str(tmp_path)).test_images.unique().tolist() == [1]


def test_shards_come_in_order_and_complete(tmp_path: Path) -> None:
    for shard in (2, 0, 1):
        write(tmp_path / f"train-0000{shard}-of-00003.parquet", [encode(gray(shard))], [shard])
    write(tmp_path / "test.parquet", PAIR)
    images = image_parquet(path=str(tmp_path), train_images=2)
    assert images.train_images[:, 0, 0, 0].tolist() == [0, 1]
    assert images.classes == 3
    (tmp_path / "train-00001-of-00003.parquet").unlink()
    with pytest.raises(InputError, match="has only 2 of 3 shards: train-00000-of-00003"):
        image_parquet(path=str(tmp_path))


def test_first_rows_can_be_taken(tmp_path: Path) -> None:
    path = write_pair(tmp_path, [encode(gray(value)) for value in range(6)])
    images = image_parquet(path=path, train_images=3, test_images=1)
    assert images.train_images[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert len(images.test_labels) == 1
    with pytest.raises(InputError, match=r"`train_images` must be from 1 to 6 .*: 7"):
        image_parquet(path=path, train_images=7)
    with pytest.raises(InputError, match=r"`test_images` must be from 1 to .*: 0"):
        image_parquet(path=path, test_images=0)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`path` not found: `.*gone`\n\nhint: give the folder"):
        image_parquet(path=str(tmp_path / "gone"))
    write(tmp_path / "train.parquet", PAIR)
    with pytest.raises(InputError, match=r"no test images found in .* Parquet files: train\.parquet\n\nhint:"):
        image_parquet(path=str(tmp_path))
    with pytest.raises(InputError, match=r"must be a folder, not a file: .*\n\nhint: give the folder"):
        image_parquet(path=str(tmp_path / "train.parquet"))


def test_several_data_sets_in_a_folder_are_ambiguous(tmp_path: Path) -> None:
    write_pair(tmp_path / "one", PAIR)
    write_pair(tmp_path / "two", PAIR)
    with pytest.raises(InputError, match=r"several data sets: .*one, .*two\n\nhint: give one"):
        image_parquet(path=str(tmp_path))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (encode(color(10, 20, 30)), [10, 20, 30]),
        (encode(np.dstack((color(10, 20, 30), gray(128)))), [10, 20, 30]),  # transparency is dropped
        (encode(Image.fromarray(color(10, 20, 30)).quantize(2)), [10, 20, 30]),
        (encode(Image.fromarray(color(0, 0, 0)).quantize(2), transparency=b"\x00\xff"), [0, 0, 0]),
        (encode(color(200, 200, 200), "CMYK", "JPEG"), [200, 200, 200]),
        (encode(gray(77)), [77]),
        (encode(np.dstack((gray(77), gray(0)))), [77]),
        (encode(gray(255), "1"), [255]),
        (encode(Image.fromarray(np.full((4, 4), 256 * 33 + 255, np.uint16))), [33]),
        (encode(gray(77), kind="BMP"), [77]),
        (encode(gray(77), kind="WEBP", lossless=True), [77, 77, 77]),
    ],
)
def test_any_format_and_mode_is_decoded(tmp_path: Path, image: bytes, expected: list[int]) -> None:
    images = image_parquet(path=write_pair(tmp_path, [image, image]))
    assert images.train_images.shape == (2, len(expected), 4, 4)
    assert images.train_images[0, :, 1, 2].tolist() == expected


def test_one_color_image_makes_all_of_them_rgb(tmp_path: Path) -> None:
    images = image_parquet(path=write_pair(tmp_path, PAIR, [encode(color(1, 2, 3))]))
    assert images.train_images[1].unique().tolist() == [20]
    assert images.train_images.shape == (2, 3, 4, 4)
    assert images.test_images[0, :, 0, 0].tolist() == [1, 2, 3]


def test_differing_sizes_need_a_size(tmp_path: Path) -> None:
    path = write_pair(tmp_path, [encode(gray(1, 4, 6)), encode(gray(2, 8, 4))])
    message = r"6×4 pixels \(.*train\.parquet, row 0\), 4×8 \(.*row 1\)\n\nhint: set `image_size: 4`"
    with pytest.raises(InputError, match=message):
        image_parquet(path=path)
    images = image_parquet(path=path, image_size=4)
    assert images.train_images[:, 0, 0, 0].tolist() == [1, 2]
    assert images.train_images.shape == (2, 1, 4, 4)


def test_resizing_keeps_the_center(tmp_path: Path) -> None:
    pixels = np.repeat(np.array([[0, 0, 100, 100, 0, 0]], np.uint8), 2, axis=0)
    images = image_parquet(path=write_pair(tmp_path, [encode(pixels), encode(pixels)]), image_size=2)
    assert images.train_images[0, 0].tolist() == [[100, 100], [100, 100]]
    doubled = image_parquet(path=str(tmp_path), image_size=4)
    assert doubled.train_images.shape == (2, 1, 4, 4)


def test_columns_are_found_by_type_and_usual_names(tmp_path: Path) -> None:
    table = pa.table({"index": [7, 8], "label": [0, 1], "thumbnail": [b"", b""], "img": PAIR, "note": ["a", "b"]})
    for part in ("train", "test"):
        pq.write_table(table, tmp_path / f"{part}.parquet")
    assert image_parquet(path=str(tmp_path)).train_labels.tolist() == [0, 1]


def test_one_column_of_a_kind_needs_no_usual_name(tmp_path: Path) -> None:
    table = pa.table({"digit": pa.array([0, 1], pa.uint8()), "scan": pa.array(PAIR, pa.large_binary())})
    for part in ("train", "test"):
        pq.write_table(table, tmp_path / f"{part}.parquet")
    assert image_parquet(path=str(tmp_path)).train_labels.dtype == torch.int64


def write_columns(folder: Path, columns: dict[str, Any]) -> None:
    for part in ("train", "test"):
        pq.write_table(pa.table(columns), folder / f"{part}.parquet")


def test_ambiguous_columns_are_listed_and_can_be_named(tmp_path: Path) -> None:
    columns = {"fine_label": [0, 1], "coarse_label": [1, 0], "img": PAIR}
    for part in ("train", "test"):
        pq.write_table(pa.table(columns), tmp_path / f"{part}.parquet")
    with pytest.raises(
        InputError, match=r"`label_column` must be given: 2 columns could be it\n\nhint: .*`coarse_label` \(int64\)"
    ):
        image_parquet(path=str(tmp_path))
    assert image_parquet(path=str(tmp_path), label_column="coarse_label").train_labels.tolist() == [1, 0]
    message = r"column `img` of .*train\.parquet, row 0: bytes must be text in UTF-8: b'\\x89PNG.*\n\nhint: write the"
    with pytest.raises(InputError, match=message):
        image_parquet(path=str(tmp_path), label_column="img")


def test_labels_in_bytes_are_found_by_their_name_or_the_images_by_theirs(tmp_path: Path) -> None:
    names = pa.array([b"cat", b"ant"])
    for columns in ({"label": names, "scan": PAIR}, {"animal": names, "image": PAIR}):
        write_columns(tmp_path, columns)
        assert image_parquet(path=str(tmp_path)).class_names == ("ant", "cat")
    write_columns(tmp_path, {"animal": names, "scan": PAIR})
    with pytest.raises(InputError, match="`image_column` must be given: 2 columns could be it"):
        image_parquet(path=str(tmp_path))
    assert image_parquet(path=str(tmp_path), image_column="scan", label_column="animal").classes == 2


def test_labels_are_counted_over_the_whole_set(tmp_path: Path) -> None:
    path = write_pair(tmp_path, PAIR * 2, label=[0, 1, 2, 3])
    assert image_parquet(path=path, train_images=2).classes == 4


def test_class_names_of_the_file_count(tmp_path: Path) -> None:
    features = {"info": {"features": {"label": {"names": ["a", "b", "c"], "_type": "ClassLabel"}}}}
    path = write_pair(tmp_path, PAIR)
    table = pq.read_table(tmp_path / "train.parquet")
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), tmp_path / "train.parquet")
    assert image_parquet(path=path).classes == 3


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (pa.array([0, None], pa.int64()), "rows without a label: 1"),
        (pa.array(["a", None]), "rows without a label: 1"),
        (pa.array([1.0, float("nan")]), "rows without a label: 1"),
        (pa.array(["a", ""]), "rows without a label: 1"),
        (pa.array([" ", None]).dictionary_encode(), "rows without a label: 2"),
        (pa.array([b"a", b"\0"], pa.binary(1)), "rows without a label: 1"),
        (pa.array([b"a", b"caf\xe9"]), r"train\.parquet, row 1: bytes must be text in UTF-8: b'caf\\xe9'"),
    ],
)
def test_every_row_must_have_a_label(tmp_path: Path, labels: pa.Array, message: str) -> None:
    path = write_pair(tmp_path, PAIR, label=labels)
    with pytest.raises(InputError, match=message):
        image_parquet(path=path)


@pytest.mark.parametrize(
    ("train", "test", "names"),
    [
        (pa.array([7, 2, 7, 3]), pa.array([3, 7]), ("2", "3", "7")),
        (pa.array([1, -1, 1, 1]), pa.array([-1, 1]), ("-1", "1")),
        (pa.array([2.0, 0.0, 2.0, 1.0]), pa.array([1.0, 2.0]), ("0", "1", "2")),
        (pa.array(["dog", "ant", "dog", "cat"]), pa.array(["cat", "dog"]), ("ant", "cat", "dog")),
        (pa.array(["dog", "ant", "dog", "cat"]).dictionary_encode(), pa.array(["cat", "dog"]), ("ant", "cat", "dog")),
        (pa.array([True, False, True, True]), pa.array([False, True]), ("False", "True")),
        (pa.array([3, 0, 3, 1], pa.uint8()), pa.array([1, 3], pa.int64()), ("0", "1", "3")),
        (pa.array([1e300, float("inf"), 2.5, -1.0]), pa.array([2.5, 1e300]), ("-1", "2.5", "1e+300", "inf")),
        (pa.array([2.0, 0.5, 2.0, 1.0], pa.float16()), pa.array([1.0, 2.0], pa.float32()), ("0.5", "1", "2")),
        (pa.array(["b", "a", "b", "b"], pa.string_view()), pa.array(["a", "b"]), ("a", "b")),
        (pa.array(["b", "a", "b", "b"], pa.large_string()), pa.array(["a", "b"], pa.string()), ("a", "b")),
        (pa.array([b"b", b"a", b"b", b"b"]), pa.array(["a", "b"]), ("a", "b")),
        (pa.array([b"\xc3\xa9", b"a", b"a", b"a"], pa.large_binary()), pa.array([b"a", b"a"]), ("a", "é")),
        (pa.array([b"bb\0", b"a\0\0", b"bb\0", b"bb\0"], pa.binary(3)), pa.array(["a", "bb"]), ("a", "bb")),
        (pa.array([b"b", b"a", b"b", b"b"]).dictionary_encode(), pa.array([b"a", b"b"], pa.binary(1)), ("a", "b")),
    ],
)
def test_labels_of_any_type_are_numbered_in_order(
    tmp_path: Path, train: pa.Array, test: pa.Array, names: tuple[str, ...]
) -> None:
    write(tmp_path / "train.parquet", PAIR * 2, label=train)
    write(tmp_path / "test.parquet", PAIR, label=test)
    images = image_parquet(path=str(tmp_path))
    values, test_values = (
        [value.decode().rstrip("\0") if isinstance(value, bytes) else value for value in part.to_pylist()]
        for part in (train, test)
    )
    order = sorted(set(values))
    assert images.train_labels.tolist() == [order.index(value) for value in values]
    assert images.test_labels.tolist() == [order.index(value) for value in test_values]
    assert (images.classes, images.class_names) == (len(order), names)
    assert images.facts().class_names == names


def test_numbers_from_0_need_no_names(tmp_path: Path) -> None:
    assert image_parquet(path=write_pair(tmp_path, PAIR)).class_names == ()


def test_labels_of_two_types_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", PAIR, label=["0", "1"])
    write(tmp_path / "test.parquet", PAIR, label=[0, 1])
    with pytest.raises(InputError, match="must hold one type of label, not string in training and int64 in test"):
        image_parquet(path=str(tmp_path))


def test_a_column_of_lists_has_no_labels(tmp_path: Path) -> None:
    path = write_pair(tmp_path, PAIR, label=[[0], [1]])
    with pytest.raises(InputError, match=r"must hold one label in each row, not list<.*>: `label`"):
        image_parquet(path=path, label_column="label")
    with pytest.raises(InputError, match="`label_column` not found in the Parquet files: `lable`"):
        image_parquet(path=path, label_column="lable")


def test_test_labels_must_be_known(tmp_path: Path) -> None:
    path = write_pair(tmp_path, PAIR)
    write(tmp_path / "test.parquet", PAIR, [-1, 1])
    with pytest.raises(
        InputError, match=r"of the test images has a label that no training image has:\n  -1\n\nhint: -1"
    ):
        image_parquet(path=path)


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (b"no image", "not an image of a known format"),
        (b"", "not an image"),
        (PAIR[0][:-30], "the image cannot be decoded"),
        (encode(np.random.RandomState(0).randint(0, 256, (60, 60)), kind="JPEG")[:-60], "truncated"),
        (None, "the image has no bytes"),
    ],
)
def test_damaged_images_are_found(tmp_path: Path, damaged: bytes | None, message: str) -> None:
    path = write_pair(tmp_path, [*PAIR, damaged])
    with pytest.raises(BadInput, match=f"train.parquet, row 2: .*{message}"):
        image_parquet(path=path)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = write_pair(tmp_path, PAIR)
    (tmp_path / "test.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(BadInput, match=r"test\.parquet cannot be read: .*\n\nhint: copy or download the file again"):
        image_parquet(path=path)


@pytest.mark.skipif(not CIFAR.is_dir(), reason="needs CIFAR-10 in ../shared/data/cifar10")
def test_cifar10() -> None:
    images = image_parquet(path=str(CIFAR), train_images=64, test_images=32)
    assert images.train_images.shape == (64, 3, 32, 32)
    assert images.test_images.shape == (32, 3, 32, 32)
    assert images.classes == 10
    assert len(images.train_labels.unique()) == 10
    assert 100 < images.train_images.float().mean() < 140
