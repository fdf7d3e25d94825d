"""16-bit images, damaged ones and rotated ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.parquet import PAIR, deep, encode, gray, write_pair
from workers.data.files.depth import found_depth
from workers.data.image_parquet import image_parquet
from workers.errors import BadInput, InputError

RAMP = np.arange(16).reshape(4, 4)


@pytest.mark.parametrize(
    ("largest", "depth"),
    [(0, 8), (255, 8), (256, 10), (1023, 10), (1024, 12), (4095, 12), (4096, 16), (65535, 16)],
)
def test_the_depth_is_what_the_largest_value_needs(largest: int, depth: int) -> None:
    assert found_depth(largest) == depth


@pytest.mark.parametrize(("factor", "depth"), [(17, 8), (68, 10), (273, 12), (4369, 16)])
def test_16_bit_images_keep_their_real_range(tmp_path: Path, factor: int, depth: int) -> None:
    images = image_parquet(path=write_pair(tmp_path, [deep(RAMP * factor)] * 2))
    expected = RAMP * factor >> (depth - 8)
    assert images.train_images[0, 0].tolist() == expected.tolist()
    assert 240 <= images.train_images.max() <= 255
    assert f"16-bit images are read as {depth} bits (`bit_depth`); their largest value is" in images.notes[0]


def test_all_16_bit_images_have_one_depth(tmp_path: Path) -> None:
    images = image_parquet(path=write_pair(tmp_path, [deep(RAMP), deep(RAMP * 273), encode(RAMP * 16)]))
    assert images.train_images[0].max() == 0
    assert images.train_images[1].max() == 255
    assert images.train_images[2].max() == 240


def test_the_depth_can_be_given(tmp_path: Path) -> None:
    path = write_pair(tmp_path, [deep(RAMP * 1000)] * 2)
    assert image_parquet(path=path).train_images.max() == 15000 >> 8
    assert image_parquet(path=path, bit_depth=14).train_images.max() == 15000 >> 6
    with pytest.raises(InputError, match=r"`bit_depth: 12`, whose largest value is 4,095: 15,000\n\nhint: .*16`"):
        image_parquet(path=path, bit_depth=12)
    for depth in (0, 7, 17):
        with pytest.raises(InputError, match=f"`bit_depth` must be from 8 to 16 bits: {depth}"):
            image_parquet(path=path, bit_depth=depth)


def test_16_bit_images_are_resized_after_they_are_reduced(tmp_path: Path) -> None:
    path = write_pair(tmp_path, [deep(np.full((6, 8), 4095))] * 2)
    images = image_parquet(path=path, image_size=4)
    assert (tuple(images.train_images.shape), images.train_images.unique().tolist()) == ((2, 1, 4, 4), [255])


def test_ten_damaged_images_are_named_and_all_are_counted(tmp_path: Path) -> None:
    path = write_pair(tmp_path, [b"no image"] * 12 + PAIR, PAIR)
    with pytest.raises(BadInput, match=r"^12 images cannot be read:\n") as raised:
        image_parquet(path=path)
    assert raised.value.message.count("not an image of a known format") == 10
    assert raised.value.message.endswith("row 9: not an image of a known format\n  and 2 more")


def test_rotations_are_counted_and_not_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    rotated = encode(np.arange(24).reshape(4, 6), kind="PNG", exif=exif)
    images = image_parquet(path=write_pair(tmp_path, [rotated, encode(gray(1, 4, 6))]))
    assert tuple(images.train_images.shape) == (2, 1, 4, 6)
    assert images.notes == ("2 images with an EXIF rotation, which is not applied: rotate the files if it matters",)
