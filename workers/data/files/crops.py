"""Image files as squares of pixels: the center as the rewinding study cuts it, or a random crop."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, UnidentifiedImageError

from workers.data.files.decode import gray_or_color
from workers.data.files.depth import MOST_DEPTH, Pixels
from workers.errors import BadInput, InputError

Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""

TRIES = 10
DRAWS = 4
"""Random numbers in [0, 1) per try: area, aspect ratio, left, top."""

_AREA = (0.08, 1.0)
_ASPECT = (3 / 4, 4 / 3)
_CENTER = 224 / 256


def read(path: str, size: int, draws: Sequence[Sequence[float]] | None, bit_depth: int = MOST_DEPTH) -> Pixels:
    """A file's image as RGB (size, size, 3), resampled bicubically.

    A random crop if there are `draws` (TRIES × DRAWS), else the center. 16-bit images are read as `bit_depth` bits.
    Raises BadInput for a file that is missing or not an image, or whose values are above the depth.
    """
    try:
        with Image.open(path) as image:
            plain = gray_or_color(image, bit_depth).convert("RGB")
    except InputError as error:
        raise BadInput(f"{path}: {error.message}", hint=error.hint) from error
    except UnidentifiedImageError as error:
        raise BadInput(f"{path}: not an image of a known format") from error
    except Exception as error:  # Pillow raises nearly anything for damaged files
        raise BadInput(f"{path}: the image cannot be read: {error}") from error
    box = center_box(*plain.size) if draws is None else random_box(*plain.size, draws)
    return np.asarray(plain.crop(box).resize((size, size), Image.Resampling.BICUBIC))


def center_box(width: int, height: int) -> Box:
    """The center square of 224/256 of the shorter side (the study resizes that side to 256 pixels and cuts 224)."""
    side = max(1, int(_CENTER * min(width, height)))
    left, top = (width - side + 1) // 2, (height - side + 1) // 2
    return (left, top, left + side, top + side)


def random_box(width: int, height: int, draws: Sequence[Sequence[float]]) -> Box:
    """A box of 8% to 100% of the area and an aspect ratio of 3/4 to 4/3 (Szegedy et al. 2015, section 6).

    The first of the tries that fits, else the center.
    """
    low, high = (math.log(bound) for bound in _ASPECT)
    for area_draw, aspect_draw, left_draw, top_draw in draws:
        area = (_AREA[0] + area_draw * (_AREA[1] - _AREA[0])) * width * height
        aspect = math.exp(low + aspect_draw * (high - low))
        box_width, box_height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < box_width <= width and 0 < box_height <= height:
            left = int(left_draw * (width - box_width + 1))
            top = int(top_draw * (height - box_height + 1))
            return (left, top, left + box_width, top + box_height)
    return center_box(width, height)
