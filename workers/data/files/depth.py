"""16-bit images as 8-bit ones. Files of 16 bits often hold 8, 10 or 12: cameras and scanners do not fill them."""

from __future__ import annotations

import numpy as np

from workers.errors import InputError

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

LEAST_DEPTH, MOST_DEPTH = 8, 16

_USUAL = (8, 10, 12, 16)


def found_depth(largest: int) -> int:
    """The usual number of bits that the largest value of a data set needs: 8, 10, 12 or 16."""
    return next(bits for bits in _USUAL if largest < 2**bits)


def to_eight_bits(values: np.ndarray, bit_depth: int) -> Pixels:
    """Keep the upper 8 of `bit_depth` bits. Raises InputError for values that have more."""
    check_fits(int(values.max()), bit_depth)
    return (values >> (bit_depth - LEAST_DEPTH)).astype(np.uint8)


def check_fits(largest: int, bit_depth: int) -> None:
    """Raise InputError if the largest value of 16-bit images needs more than `bit_depth` bits."""
    if largest >= 2**bit_depth:
        raise InputError(
            f"a 16-bit image does not fit `bit_depth: {bit_depth}`, whose largest value is {2**bit_depth - 1:,}: "
            f"{largest:,}",
            hint=f"set `bit_depth: {found_depth(largest)}`",
        )


def check_depth(bit_depth: int | None) -> None:
    """Raise InputError for a `bit_depth` that no 16-bit image can have."""
    if bit_depth is not None and not LEAST_DEPTH <= bit_depth <= MOST_DEPTH:
        raise InputError(f"`bit_depth` must be from {LEAST_DEPTH} to {MOST_DEPTH} bits: {bit_depth}")


def depth_note(largest: int, bit_depth: int) -> str:
    """What a person should know of the 16-bit images of a data set."""
    return f"16-bit images are read as {bit_depth} bits (`bit_depth`); their largest value is {largest:,}"
