"""Color images of 16 bits per channel, of which Pillow by itself keeps only the upper 8 bits."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

from workers.errors import BadInput

_DEEP = re.compile(r"(RGB|RGBA|RGBX|LA|CMYK);16([BLN])")
"""Pillow's raw modes of several channels of 16 bits. `BGR;16` is another: 16 bits for three channels together."""

_SWAPPED = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
"""For each order of the two bytes of a value (big-endian, little-endian, the machine's) the other one."""


def is_deep_color(image: ImageFile) -> bool:
    """Whether an image that is opened and not yet decoded has several channels of 16 bits."""
    return any(_DEEP.fullmatch(_raw_mode(tile)) for tile in image.tile)


def deep_color(image: ImageFile) -> np.ndarray:
    """The values of such an image, uint16 (H, W, 3), without transparency. Raises BadInput if it is not RGB.

    Pillow returns the upper byte of each value; where it is told the other order of bytes, it returns the lower one.
    """
    if image.fp is None or any("RGB" not in _raw_mode(tile) for tile in image.tile):
        raise BadInput(
            f"images of 16 bits must be gray or RGB to be read in full: {image.mode}",
            hint="save them without transparency, or with 8 bits per channel",
        )
    image.fp.seek(0)
    with Image.open(io.BytesIO(image.fp.read())) as other:
        other.tile = [tile._replace(args=_other_order(tile)) for tile in other.tile]
        lower = _values(other)
    return _values(image) << 8 | lower


def _values(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), np.uint16)


def _raw_mode(tile: Any) -> str:
    """The raw mode of a tile, which some formats give alone and others first."""
    return str(tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args)


def _other_order(tile: Any) -> Any:
    raw_mode = _raw_mode(tile)
    swapped = raw_mode[:-1] + _SWAPPED[raw_mode[-1]]
    return (swapped, *tile.args[1:]) if isinstance(tile.args, tuple) else swapped
