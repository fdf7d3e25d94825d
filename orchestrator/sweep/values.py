"""Exact quantities: ratios such as `0.8^5` and durations such as `20ep`, as fractions and never as floats."""

from __future__ import annotations

import math
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
    """The exact fraction of a number, or of text such as `9.31`, `1/4`, `50%` or `0.8^-5`.

    Raises ValueError for anything else, and for fractions of more than 1,000 digits.
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
    """The number of digits of the numerator or the denominator, whichever is longer."""
    return max(len(str(abs(value.numerator))), len(str(value.denominator)))


def exact_text(value: Fraction) -> str:
    """Text that `parse_ratio` reads as the same fraction: a decimal of at most 20 places, else `n/d`."""
    for places in range(21):
        scaled = value * 10**places
        if scaled.denominator == 1:
            text = str(abs(scaled.numerator)).zfill(places + 1)
            sign = "-" if value < 0 else ""
            return sign + (f"{text[:-places]}.{text[-places:]}" if places else text)
    return str(value)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of training: epochs (`ep`), optimizer steps (`it`) or a percentage of the dense training (`%`)."""

    value: Fraction
    unit: Unit

    @classmethod
    def parse(cls, text: object) -> Duration:
        """The duration in `40ep`, `15625it` or `50%`. Raises ValueError for anything else."""
        match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
        if not match:
            raise ValueError("not a number with a unit")
        value = parse_ratio(match[1])
        if match[2] == "it" and value.denominator != 1:
            raise ValueError("not a whole number of steps")
        return cls(value, cast(Unit, match[2]))

    def in_steps(self, steps_per_epoch: Fraction, total: int | None = None) -> Fraction:
        """The exact number of optimizer steps; a percentage is one of `total`, the steps of the dense training."""
        if self.unit == "ep":
            return self.value * steps_per_epoch
        if self.unit == "it":
            return self.value
        assert total is not None
        return self.value / 100 * total

    def share_of(self, training: Duration, steps_per_epoch: Fraction | None) -> Fraction | None:
        """The share of a dense training (in `ep` or `it`) that this is.

        None if it depends on `steps_per_epoch`, and that is unknown (None).
        """
        if self.unit == "%":
            return self.value / 100
        if self.unit == training.unit:
            return self.value / training.value
        if steps_per_epoch is None:
            return None
        return self.in_steps(steps_per_epoch) / math.ceil(training.in_steps(steps_per_epoch))

    def __str__(self) -> str:
        return exact_text(self.value) + self.unit


_UNIT_WORDS = {
    "ep": ("e", "ep", "eps", "epoch", "epochs"),
    "it": ("it", "its", "iter", "iters", "iteration", "iterations", "step", "steps"),
    "%": ("percent", "%"),
}
_LENGTH_IN_WORDS = re.compile(r"\s*(\d+\.?\d*)[\s_-]*([A-Za-z%]+)\s*")


def in_units(value: object, units: tuple[Unit, ...]) -> str:
    """A length whose unit is a word, such as `5 epochs`, as `Duration.parse` takes it; else an empty text."""
    parts = _LENGTH_IN_WORDS.fullmatch(str(value))
    unit = next((unit for unit in units if parts and parts[2].lower() in _UNIT_WORDS[unit]), None)
    return f"{parts[1]}{unit}" if parts and unit else ""
