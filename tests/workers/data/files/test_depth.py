"""16-bit images, damaged ones and rotated ones."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.support.parquet import PAIR, deep, encode, gray, write_pair
from workers.data.files.decode import plain_values
from workers.data.files.deep_color import is_deep_color
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


def test_colors_of_16_bits_keep_their_real_range(tmp_path: Path) -> None:
    values = RAMP[..., None] * np.array([273, 17, 1])
    images = image_parquet(path=write_pair(tmp_path, [deep_png(values)] * 2))
    assert images.train_images[0].permute(1, 2, 0).tolist() == (values >> 4).tolist()
    assert "as 12 bits" in images.notes[0]


def test_values_that_cannot_be_read_whole_are_refused_with_the_remedy(tmp_path: Path) -> None:
    for values, message in [
        (RAMP.astype(np.float32), "values must be whole numbers, not floating-point"),
        (RAMP.astype(np.int32) * 10**6, "values must be from 0 to 65,535, not 0 to 15,000,000"),
    ]:
        file = encode(Image.fromarray(values), kind="TIFF")
        with pytest.raises(BadInput, match=rf"{message}.*\n(.*\n)*hint: scale the values"):
            image_parquet(path=write_pair(tmp_path, [file] * 2))
    gray_with_alpha = deep_png(np.stack([RAMP * 273, RAMP * 0 + 65535], -1))
    with pytest.raises(BadInput, match=r"must be gray or RGB to be read in full: RGBA\n(.*\n)*hint: save them without"):
        image_parquet(path=write_pair(tmp_path, [gray_with_alpha] * 2))


def test_colors_of_16_bits_for_all_channels_together_are_read_by_pillow() -> None:
    image = Image.new("RGB", (4, 4))
    image.tile = [SimpleNamespace(args=("BGR;16", 8, -1))]
    assert not is_deep_color(image)


def test_tiff_files_of_16_bits_in_color_keep_their_real_range() -> None:
    values = RAMP[..., None] * np.array([4369, 17, 1])
    with Image.open(io.BytesIO(deep_tiff(values))) as image:
        assert plain_values(image).tolist() == values.tolist()


def deep_tiff(values: np.ndarray) -> bytes:
    """A little-endian TIFF of RGB (H, W, 3), 16 bits per channel."""
    height, width, _ = values.shape
    data = values.astype("<u2").tobytes()
    start = 8 + 2 + 9 * 12 + 4  # header, number of entries, entries, end
    tags = [(256, 1, width), (257, 1, height), (258, 3, start), (259, 1, 1), (262, 1, 2), (273, 1, start + 6)]
    tags += [(277, 1, 3), (278, 1, height), (279, 1, len(data))]
    entries = b"".join(struct.pack("<HHII", tag, 3 if count == 3 else 4, count, value) for tag, count, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, 9) + entries + bytes(4) + struct.pack("<HHH", 16, 16, 16) + data


def deep_png(values: np.ndarray) -> bytes:
    """A PNG of 16 bits per channel, gray with transparency (H, W, 2) or RGB (H, W, 3)."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2}[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
