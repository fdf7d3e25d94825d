"""Reading the files of a data set once before anything is trained on them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from workers.data.files.damage import refuse_damaged
from workers.data.files.decode import plain_values
from workers.data.files.depth import check_fits, depth_note, found_depth
from workers.data.files.orientation import is_rotated, rotation_note
from workers.data.plausible import PixelRange, pixel_notes, pixel_range
from workers.errors import BadInput
from workers.text import plural

_MOST_BYTES = 10**9
"""Larger sets are sampled: decoding a gigabyte of JPEG files takes about 20 s."""


class Survey(NamedTuple):
    """What reading files shows: the bits that 16-bit images are read as (None without any), and notes for a person."""

    bit_depth: int | None
    notes: list[str]


class _FileFacts(NamedTuple):
    pixels: PixelRange
    is_deep: bool
    rotated: bool


def survey(root: str, train_paths: Sequence[str], test_paths: Sequence[str], bit_depth: int | None) -> Survey:
    """Decode all files, or an evenly spaced part of a large set.

    Raises BadInput with the names of damaged files, InputError if all images of a part are blank.
    """
    parts = [("training", train_paths), ("test", test_paths)]
    total = sum(_size(os.path.join(root, path)) for _, paths in parts for path in paths)
    every = -(-total // _MOST_BYTES) or 1
    facts = [_inspect(root, paths[::every]) for _, paths in parts]
    refuse_damaged([fact for part in facts for fact in part if isinstance(fact, BadInput)])
    read = [[fact for fact in part if isinstance(fact, _FileFacts)] for part in facts]
    deepest = max((fact.pixels.high for part in read for fact in part if fact.is_deep), default=None)
    depth = None if deepest is None else bit_depth or found_depth(deepest)
    if deepest is not None and depth is not None:
        check_fits(deepest, depth)
    notes = [] if deepest is None or depth is None else [depth_note(deepest, depth)]
    for (part, _), part_facts in zip(parts, read, strict=True):
        notes += pixel_notes(part, [_reduced(fact, depth) for fact in part_facts])
    if rotated := sum(fact.rotated for part in read for fact in part):
        notes.append(rotation_note(rotated))
    if every > 1:
        counts = sum(len(part) for part in read), len(train_paths) + len(test_paths)
        notes.append(f"read before training: {counts[0]:,} of {plural(counts[1], 'file')}, to find damaged ones")
    return Survey(depth, notes)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def _inspect(root: str, paths: Sequence[str]) -> list[_FileFacts | BadInput]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda path: _facts(os.path.join(root, path)), paths))


def _facts(path: str) -> _FileFacts | BadInput:
    try:
        with Image.open(path) as image:
            values, rotated = plain_values(image), is_rotated(image)
    except BadInput as error:
        return BadInput(f"{path}: {error.message}", hint=error.hint)
    except UnidentifiedImageError:
        return BadInput(f"{path}: not an image of a known format")
    except FileNotFoundError as error:
        return BadInput(f"{path}: {error.strerror}")
    except Exception as error:  # Pillow raises nearly anything for damaged files
        return BadInput(f"{path}: the image cannot be read: {error}")
    planes = values.reshape(-1, values.shape[2] if values.ndim == 3 else 1).T
    return _FileFacts(pixel_range(planes), values.dtype != np.uint8, rotated)


def _reduced(fact: _FileFacts, depth: int | None) -> PixelRange:
    """The range of a file's pixels after 16 bits are reduced to 8."""
    if not fact.is_deep or depth is None:
        return fact.pixels
    shift = depth - 8
    low, high = fact.pixels.low >> shift, fact.pixels.high >> shift
    return PixelRange(low, high, blank=fact.pixels.blank or (low == high and fact.pixels.low != fact.pixels.high))
