"""Encoded images (JPEG, PNG, anything that Pillow reads) as arrays of one size and one number of channels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from workers.data.files.damage import refuse_damaged
from workers.data.files.deep_color import deep_color, is_deep_color
from workers.data.files.depth import Pixels, found_depth, to_eight_bits
from workers.data.files.orientation import is_rotated
from workers.errors import BadInput, InputError

_GRAY = ("1", "L", "LA", "La")
_CHUNK = 256
_SCALE = (
    "scale the values of all images in the same way, to 0 to 255 (8 bits) or 0 to 65,535 (16 bits), and save as PNG"
)


class Encoded(NamedTuple):
    """The bytes of an image file, and where they come from."""

    data: bytes | None
    file: str
    row: int


class Decoded(NamedTuple):
    """Images in order: gray (H, W) or color (H, W, 3).

    `deepest` is the largest value of the 16-bit images (None without any) and `depth` the bits that they were
    read with; `rotated` counts the images whose EXIF data ask for a rotation.
    """

    pixels: list[Pixels]
    deepest: int | None
    depth: int | None
    rotated: int


class _Plain(NamedTuple):
    """One image before its depth is known: uint8, or the values of a 16-bit image."""

    values: np.ndarray
    rotated: bool


def decode(images: Sequence[Encoded], image_size: int | None, bit_depth: int | None = None) -> Decoded:
    """Decode images; with `image_size`, to center squares of that many pixels.

    Drops transparency and reduces 16 bits to 8: from `bit_depth` bits, or from those that the largest value needs.
    Raises BadInput with the images that cannot be decoded, InputError for values above the depth.
    """
    chunks = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
    with ThreadPoolExecutor(8) as pool:
        decoded = pool.map(lambda chunk: [_decode(image, image_size) for image in chunk], chunks)
        results = [result for chunk in decoded for result in chunk]
    refuse_damaged([result for result in results if isinstance(result, BadInput)])
    plain = [result for result in results if isinstance(result, _Plain)]
    deepest = max((int(image.values.max()) for image in plain if image.values.dtype != np.uint8), default=None)
    depth = None if deepest is None else bit_depth or found_depth(deepest)
    pixels = [_finished(image.values, depth, image_size) for image in plain]
    return Decoded(pixels, deepest, depth, sum(image.rotated for image in plain))


def stack(images: Sequence[Pixels], sources: Sequence[Encoded], color: bool) -> Pixels:
    """Images of one size as one array (N, C, H, W), C = 3 if `color`, else 1. Raises InputError if sizes differ."""
    height, width = images[0].shape[:2]
    for pixels, source in zip(images, sources, strict=True):
        if pixels.shape[:2] != (height, width):
            raise InputError(
                f"images differ in size: {width}×{height} pixels ({sources[0].file}, row {sources[0].row}), "
                f"{pixels.shape[1]}×{pixels.shape[0]} ({source.file}, row {source.row})",
                hint=f"set `image_size: {min(height, width)}` to make them all squares",
            )
    stacked = np.empty((len(images), 3 if color else 1, height, width), np.uint8)
    for index, pixels in enumerate(images):
        stacked[index] = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return stacked


def gray_or_color(image: ImageFile, bit_depth: int) -> Image.Image:
    """The image in mode L or RGB; values of more than 8 bits are read as `bit_depth` bits."""
    values = plain_values(image)
    return Image.fromarray(values if values.dtype == np.uint8 else to_eight_bits(values, bit_depth))


def plain_values(file: ImageFile) -> np.ndarray:
    """Gray or RGB values: uint8, or whole numbers of up to 16 bits, not yet reduced. Raises BadInput for others."""
    if is_deep_color(file):
        return deep_color(file)
    image: Image.Image = file
    if image.mode in _GRAY:
        return np.asarray(image.convert("L"))
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() >= 2**16:
            raise BadInput(f"values must be from 0 to 65,535, not {values.min():,} to {values.max():,}", hint=_SCALE)
        return values.astype(np.uint16)
    if image.mode == "F":
        raise BadInput("values must be whole numbers, not floating-point numbers of unknown range", hint=_SCALE)
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")  # converted directly to RGB, transparent colors of a palette raise a warning
    return np.asarray(image.convert("RGB"))


def _decode(encoded: Encoded, image_size: int | None) -> _Plain | BadInput:
    where = f"{encoded.file}, row {encoded.row}"
    if encoded.data is None:
        return BadInput(f"{where}: the image has no bytes")
    try:
        with Image.open(io.BytesIO(encoded.data)) as image:
            values, rotated = plain_values(image), is_rotated(image)
    except BadInput as error:
        return BadInput(f"{where}: {error.message}", hint=error.hint)
    except UnidentifiedImageError:
        return BadInput(f"{where}: not an image of a known format")
    except Exception as error:  # Pillow raises nearly anything for damaged files
        return BadInput(f"{where}: the image cannot be decoded: {error}")
    if image_size and values.dtype == np.uint8:  # now, so that large images need not stay in memory
        values = _square(values, image_size)
    return _Plain(values, rotated)


def _finished(values: np.ndarray, depth: int | None, image_size: int | None) -> Pixels:
    if depth is None or values.dtype == np.uint8:
        return values
    reduced = to_eight_bits(values, depth)
    return _square(reduced, image_size) if image_size else reduced


def _square(values: Pixels, size: int) -> Pixels:
    """Resize the shorter side to `size` (bicubic), then cut out the center."""
    image = Image.fromarray(values)
    if image.size == (size, size):
        return values
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + size, top + size)))
