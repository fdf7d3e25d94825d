"""Exact quantities: ratios such as `0.8^5` and durations such as `20ep`, never rounded to a float on the way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, cast

Unit = Literal["ep", "it", "%"]

MOST_DIGITS = 1000

_DECIMAL = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?"
_RATIO = re.compile(rf"({_DECIMAL})(?:/({_DECIMAL})|\^([+-]?\d{{1,4}})|(%))?", re.ASCII)
_DURATION = re.compile(rf"({_DECIMAL}(?:/\d+)?)\s*(ep|it|%)", re.ASCII)


def parse_ratio(value: object) -> Fraction:
    """A number, or text such as `9.31`, `1/4`, `50%` or `0.8^-5`, as the exact fraction of its decimal digits.

    Raises ValueError for anything else, and for numbers of more than 1,000 digits.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("not a number")
    text = str(value).strip()
    match = _RATIO.fullmatch(text) if len(text) <= 3 * MOST_DIGITS else None
    if not match:
        raise ValueError("not a number or a ratio")
    base, divisor, power, percent = match.groups()
    try:
        ratio = _evaluate(Fraction(base), divisor, power, percent)
    except ZeroDivisionError:
        raise ValueError("division by zero") from None
    if digits(ratio) > MOST_DIGITS:
        raise ValueError("too many digits")
    return ratio


def _evaluate(base: Fraction, divisor: str | None, power: str | None, percent: str | None) -> Fraction:
    if divisor:
        return base / Fraction(divisor)
    if power:
        if digits(base) * abs(int(power)) > 2 * MOST_DIGITS:
            raise ValueError("too many digits")
        return base ** int(power)
    return base / 100 if percent else base


def digits(value: Fraction) -> int:
    """How many digits it takes to write the numerator or the denominator down, whichever has more."""
    return max(len(str(abs(value.numerator))), len(str(value.denominator)))


def exact_text(value: Fraction) -> str:
    """Text that `parse_ratio` turns into the same fraction: a decimal where that is short, else `n/d`."""
    for places in range(21):
        scaled = value * 10**places
        if scaled.denominator == 1:
            text = str(abs(scaled.numerator)).zfill(places + 1)
            sign = "-" if value < 0 else ""
            return sign + (f"{text[:-places]}.{text[-places:]}" if places else text)
    return str(value)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of training: epochs (`ep`), optimiser steps (`it`) or a percentage of the dense training (`%`)."""

    value: Fraction
    unit: Unit

    @classmethod
    def parse(cls, text: object) -> Duration:
        """From `40ep`, `15625it` or `50%`. Raises ValueError for anything else."""
        match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
        if not match:
            raise ValueError("not a number with a unit")
        value = parse_ratio(match[1])
        if match[2] == "it" and value.denominator != 1:
            raise ValueError("not a whole number of steps")
        return cls(value, cast(Unit, match[2]))

    def __str__(self) -> str:
        return exact_text(self.value) + self.unit
