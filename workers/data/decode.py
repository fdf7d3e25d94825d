"""Encoded images (JPEG, PNG, anything that Pillow reads) as arrays of one size and one number of channels."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from workers.errors import BadInput, InputError

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

_GRAY = ("1", "L", "LA", "La")
_CHUNK = 256


class Encoded(NamedTuple):
    """The bytes of an image file, and where they come from."""

    data: bytes | None
    file: str
    row: int


def decode(images: Sequence[Encoded], image_size: int | None) -> list[Pixels]:
    """Gray (H, W) or color (H, W, 3) arrays; with `image_size`, center squares of that many pixels.

    Drops transparency and reduces 16 bits to 8. Raises BadInput for an image that cannot be decoded.
    """
    chunks = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
    with ThreadPoolExecutor(8) as pool:
        decoded = pool.map(lambda chunk: [_decode(image, image_size) for image in chunk], chunks)
        return [pixels for chunk in decoded for pixels in chunk]


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


def _decode(encoded: Encoded, image_size: int | None) -> Pixels:
    if encoded.data is None:
        raise BadInput(f"{encoded.file}, row {encoded.row}: the image has no bytes")
    try:
        with Image.open(io.BytesIO(encoded.data)) as image:
            plain = gray_or_color(image)
    except UnidentifiedImageError as error:
        raise BadInput(f"{encoded.file}, row {encoded.row}: not an image of a known format") from error
    except Exception as error:  # Pillow raises nearly anything for damaged files
        raise BadInput(f"{encoded.file}, row {encoded.row}: the image cannot be decoded: {error}") from error
    return np.asarray(_square(plain, image_size) if image_size else plain)


def gray_or_color(image: Image.Image) -> Image.Image:
    """The image in mode L or RGB."""
    if image.mode in _GRAY:
        return image.convert("L")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() >= 2**16:
            raise ValueError("values do not fit 16 bits")
        return Image.fromarray((values >> 8).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("floating-point values of unknown range")
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")  # converted directly to RGB, transparent colors of a palette raise a warning
    return image.convert("RGB")


def _square(image: Image.Image, size: int) -> Image.Image:
    """Resize the shorter side to `size` (bicubic), then cut out the center."""
    if image.size == (size, size):
        return image
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    return image.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + size, top + size))
