"""How many test images validate. Imports no NumPy: planning checks it."""

from __future__ import annotations

from fractions import Fraction

from workers.errors import InputError
from workers.text import plural


def validation_count(images: int, share: Fraction) -> int:
    """⌊images · share⌋ of the test images. Raises InputError unless some validate and some test."""
    count = int(images * share)
    if not 0 < count < images:
        raise InputError(
            "the validation share must leave images for validation and images for the test: "
            f"{share} of {plural(images, 'test image')}",
            hint=f"set `evaluation: {{validation: 1/{max(images, 2)}}}` or more, or hold out training images, for "
            "example with `evaluation: {validation: {holdout: 100}}`",
            about="evaluation",
        )
    return count
