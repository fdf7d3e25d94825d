"""How many test examples validate. Imports no NumPy: planning checks it."""

from __future__ import annotations

from fractions import Fraction

from workers.errors import InputError
from workers.text import plural


def validation_count(examples: int, share: Fraction, noun: str = "image") -> int:
    """⌊examples · share⌋ of the test examples. Raises InputError unless some validate and some test.

    `noun` is what an example is called.
    """
    count = int(examples * share)
    if not 0 < count < examples:
        raise InputError(
            f"the validation share must leave {noun}s for validation and {noun}s for the test: "
            f"{share} of {plural(examples, f'test {noun}')}",
            hint=f"set `evaluation: {{validation: 1/{max(examples, 2)}}}` or more, or hold out training {noun}s, for "
            "example with `evaluation: {validation: {holdout: 100}}`",
            about="evaluation",
        )
    return count
