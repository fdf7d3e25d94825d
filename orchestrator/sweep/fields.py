"""The kinds of values in a sweep file, each with one message for values of another kind.

They replace pydantic's own checks, so that a mistake makes one problem, in the words of the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, PlainValidator
from pydantic_core import PydanticCustomError

from orchestrator.sweep.problems import KeyPath, shown
from orchestrator.sweep.values import Duration, Unit, exact_text, in_units, parse_ratio
from workers.errors import InputError
from workers.paths import expanded
from workers.registry import closest
from workers.text import parse_duration

T = TypeVar("T")

LARGEST = 2**31 - 1
MOST_CELLS = 100_000
MOST_REPLICATES = 100_000
MOST_ROUNDS = 1000
MOST_LEVELS = 100

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_UNITS = {"ep": "epochs", "it": "optimizer steps", "%": "share of the dense training"}


def refuse(message: str, hint: str, at: KeyPath = ()) -> PydanticCustomError:
    """The error for a validator to raise; `at` is the key path from its value to the part that is wrong."""
    return PydanticCustomError("refused", "{message}", {"message": message, "hint": hint, "at": at})


def _as_tuple(value: object) -> tuple[Any, ...]:
    if not isinstance(value, list):
        return (value,)
    if not value:
        raise refuse("must not be empty", "list at least one value")
    return tuple(value)


Many = Annotated[tuple[T, ...], BeforeValidator(_as_tuple)]
"""A value, or a list of at least one, as a tuple."""


def text(value: object) -> str:
    if not isinstance(value, str):
        raise refuse("must be text", f'write it in quotes: `"{shown(value)}"`')
    if not value.strip():
        raise refuse("must not be empty", "write some text, or remove the key")
    return value


Text = Annotated[str, PlainValidator(text)]


def path_of(value: object) -> str:
    """A path or a URI, with its home folder and environment variables in place."""
    try:
        return expanded(text(value))
    except InputError as error:
        raise refuse(error.message, error.hint) from None


Location = Annotated[str, PlainValidator(path_of)]


def check_name(value: object) -> str:
    """The name of a sweep. Raises PydanticCustomError (see `refuse`) unless it can name a folder everywhere."""
    name = text(value)
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise refuse(
            "must be at most 64 characters from a-z, 0-9, `.`, `_` and `-`, and begin with a letter or digit",
            "use a name for a folder, and put a longer one into `description`",
        )
    if _DEVICES.fullmatch(name):
        raise refuse(
            "cannot be a device name of Windows", f"use another name, for example `{name.partition('.')[0]}-sweep`"
        )
    return name


Name = Annotated[str, PlainValidator(check_name)]
"""A name that is a valid file name on every system."""


def _time_limit(value: object) -> str:
    text = value if isinstance(value, str) else ""
    try:
        if parse_duration(text) > 0:
            return text
    except InputError:
        pass
    raise refuse("must be a length of time", "write it as `3h`, `90min` or `1h30min`")


TimeLimit = Annotated[str, PlainValidator(_time_limit)]
"""A length of time that `parse_duration` reads."""


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise refuse("must be true or false", "write `true` or `false`, without quotes")
    return value


Truth = Annotated[bool, PlainValidator(_truth)]


def one_of(*words: str, kind: str) -> PlainValidator:
    """One of some words. `kind` is what errors call it."""

    def check(value: object) -> str:
        if value not in words:
            word = value if isinstance(value, str) else ""
            raise refuse(f"unknown {kind}", closest(word, words))
        return str(value)

    return PlainValidator(check)


def whole(lowest: int, highest: int = LARGEST) -> PlainValidator:
    """An integer from `lowest` to `highest`."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
            is_float = isinstance(value, float)
            hint = "write a whole number" if is_float else "write digits only, without quotes or a unit"
            raise refuse(f"must be a whole number from {lowest} to {highest:,}", hint)
        return value

    return PlainValidator(check)


def number(expected: str, accept: Callable[[float], bool], example: str) -> PlainValidator:
    """A finite number that `accept` takes; `expected` says which those are."""

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not accept(value):
            is_quoted = isinstance(value, str) and _NUMBER.fullmatch(value)
            hint = f"write it without quotes: `{value}`" if is_quoted else f"write a value such as `{example}`"
            raise refuse(f"must be {expected}{', not text' if is_quoted else ''}", hint)
        try:
            converted = float(value)
        except OverflowError:
            converted = math.inf
        if not math.isfinite(converted):
            raise refuse("must be a finite number", f"write a value such as `{example}`")
        return converted

    return PlainValidator(check)


def ratio(expected: str, accept: Callable[[Fraction], bool], hint: str) -> PlainValidator:
    """An exact number (see `parse_ratio`) that `accept` takes; `expected` says which those are."""

    def check(value: object) -> Fraction:
        exact = _ratio(value, expected, hint)
        if not accept(exact):
            raise refuse(f"must be {expected}", hint)
        return exact

    return PlainValidator(check)


def _ratio(value: object, expected: str, hint: str) -> Fraction:
    try:
        return parse_ratio(value)
    except ValueError:
        raise refuse(f"must be {expected}", hint) from None


def _compression(value: object) -> Fraction:
    plain = value.strip(" ×x") if isinstance(value, str) else value
    remedy = "write it as `4`, `9.31` or `0.8^-5`" if plain == value else f"write it without the sign: `{plain}`"
    exact = _ratio(value, "a compression ratio", remedy)
    if exact >= 1:
        return exact
    hint = "write 1 / density: `4` keeps a quarter of the weights"
    if exact > 0:
        hint = f"write `density: {shown(value)}` to keep that share of the weights"
    raise refuse("a compression ratio must be at least 1", hint)


Compression = Annotated[Fraction, PlainValidator(_compression)]


def _density(value: object) -> Fraction:
    exact = _ratio(value, "a density", "write it as `25%`, `1/4` or `0.8^5`")
    if 0 < exact <= 1:
        return exact
    hint = "write the share of the weights to keep, such as `25%`"
    if exact > 1 and "%" not in str(value):
        hint += f", or `compression: {shown(value)}` for a ratio"
    raise refuse("a density must be above 0 and at most 1", hint)


Density = Annotated[Fraction, PlainValidator(_density)]


def _with_unit(value: float, units: tuple[Unit, ...]) -> str:
    """What a length without a unit most likely means: a share up to 1, if one is allowed, else epochs or steps."""
    if "%" in units and 0 < value <= 1:
        return f"{exact_text(100 * parse_ratio(value))}%"
    unit = next(unit for unit in units if unit != "%")
    return f"{shown(value)}{unit}"


def duration(*units: Unit, or_zero: bool = False) -> PlainValidator:
    """A positive length of training in one of some units."""
    allowed = "units are " + ", ".join(f"`{unit}` ({_UNITS[unit]})" for unit in units)

    def check(value: object) -> Duration:
        try:
            parsed = Duration.parse(value)
        except ValueError as error:
            if isinstance(value, int | float) and not isinstance(value, bool):
                raise refuse("needs a unit", f"write `{_with_unit(value, units)}`; {allowed}") from None
            raise refuse(f"is {error}", f"write `{meant}`" if (meant := in_units(value, units)) else allowed) from None
        if parsed.unit not in units:
            raise refuse(f"cannot be given in `{parsed.unit}`", allowed)
        if parsed.value < 0 or (parsed.value == 0 and not or_zero):
            raise refuse(
                "must not be negative" if or_zero else "must be above 0", f"use a length such as `1{units[0]}`"
            )
        if parsed.unit == "%" and parsed.value > 100:
            raise refuse("is longer than the dense training", "the maximum is `100%`")
        if parsed.value > LARGEST:
            raise refuse("is too long", f"use at most `{LARGEST}{parsed.unit}`")
        return parsed

    return PlainValidator(check)


def _replicates(value: object) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    if not 1 <= value <= MOST_REPLICATES:
        hint = "write how many (`3` means 0, 1, 2), or list which ones (`[3]` means only replicate 3)"
        raise refuse(f"must be from 1 to {MOST_REPLICATES:,}", hint)
    return list(range(value))


Replicates = Annotated[Many[Annotated[int, whole(0)]], BeforeValidator(_replicates)]
"""A number of replicates, or a list of their numbers."""


def _gpus(value: object) -> Fraction:
    hint = "write `0`, `1/2`, `0.25`, or a whole number"
    exact = _ratio(value, "a number of GPUs", hint)
    shares = exact.numerator == 1 and exact.denominator <= 100
    if exact < 0 or exact > 1000 or not (shares or exact.denominator == 1):
        raise refuse("must be a whole number of GPUs, or 1/k of a GPU with k at most 100", hint)
    return exact


Gpus = Annotated[Fraction, PlainValidator(_gpus)]


def _argument(value: object) -> Any:
    """A scalar or a list of scalars, which JSON can hold."""
    items = value if isinstance(value, list) else [value]
    if not all(item is None or isinstance(item, bool | int | float | str) for item in items):
        raise refuse(
            "must be a number, text, true, false, or a list of these", "write it without nested lists or mappings"
        )
    if any(isinstance(item, float) and not math.isfinite(item) for item in items):
        raise refuse("must be a finite number", "write a value such as `0.1`")
    return value


Argument = Annotated[Any, PlainValidator(_argument)]


def _data_argument(value: object) -> Any:
    """An argument of a data set, which may also be a mapping of arguments: `split: {test: 20%}`."""
    return {key: _argument(item) for key, item in value.items()} if isinstance(value, dict) else _argument(value)


DataArgument = Annotated[Any, PlainValidator(_data_argument)]
