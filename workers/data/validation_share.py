"""How many test examples validate. Imports no NumPy: planning checks it."""

from __future__ import annotations

from fractions import Fraction

from workers.errors import InputError
from workers.text import plural, several


def validation_count(examples: int, share: Fraction, noun: str = "image") -> int:
    """⌊examples · share⌋ of the test examples. Raises InputError unless some validate and some test.

    `noun` is what an example is called.
    """
    count = int(examples * share)
    if not 0 < count < examples:
        larger = f"set `evaluation: {{validation: 1/{examples}}}` or more, or " if examples > 1 else ""
        raise InputError(
            f"the validation share must leave {several(noun)} for validation and {several(noun)} for the test: "
            f"{share} of {plural(examples, f'test {noun}')}",
            hint=f"{larger}hold out training {several(noun)}, for example with "
            "`evaluation: {validation: {holdout: 100}}`",
            about="evaluation",
        )
    return count
