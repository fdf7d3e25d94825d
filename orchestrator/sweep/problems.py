"""What is wrong with a sweep: problems by key path, the same located in the file, and the error that holds them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from workers.errors import InputError, PrunesweepError, hint_line

KeyPath = tuple[str | int, ...]
"""The keys and list positions that lead to a value."""


class Problem(NamedTuple):
    """What is wrong at a key path.

    `message` is about the value there, or about the last key if `at_key`; `show` appends the value to it. `missing` are
    the keys of which one is missing, if that is the problem; `stands_for` is the missing key that the last one means.
    `follows_from` are keys of other mappings whose absence explains the problem.
    """

    path: KeyPath
    message: str
    hint: str
    show: bool = True
    at_key: bool = False
    missing: tuple[str, ...] = ()
    is_unknown_key: bool = False
    stands_for: str = ""
    follows_from: tuple[str, ...] = ()


def problem_of(error: PrunesweepError, path: KeyPath) -> Problem:
    """The problem at `path` that an error describes; its message names the value already."""
    return Problem(path, error.message, error.hint, show=False)


@contextmanager
def noting(problems: list[Problem], path: KeyPath) -> Iterator[None]:
    """Turn an InputError in the block into a problem at `path`, added to `problems`."""
    try:
        yield
    except InputError as error:
        problems.append(problem_of(error, path))


@dataclass(frozen=True, slots=True)
class LocatedProblem:
    """A problem as a person reads it. `where` is `file:line:column`, or the key path of data without a file.

    `excerpt` is the line of the file with a mark underneath, empty without a file.
    """

    where: str
    field: str
    value: str | None
    message: str
    hint: str
    excerpt: str = ""

    def __str__(self) -> str:
        parts = [self.where] if self.where != self.field else []
        parts += [f"`{self.field}`"] if self.field else []
        parts += [self.message] if self.value is None else [self.message, self.value]
        lines = [": ".join(parts), self.excerpt, hint_line(self.hint) if self.hint else ""]
        return "\n".join(line for line in lines if line)


class SpecError(InputError):
    """A sweep file has mistakes: all of them, in the order of the file, in `problems`."""

    def __init__(self, problems: Iterable[LocatedProblem]) -> None:
        self.problems = list(problems)
        super().__init__("\n\n".join(self.reports()))

    def reports(self) -> list[str]:
        return [str(problem) for problem in self.problems]


def dotted(path: KeyPath) -> str:
    """A key path as text: `grid[0].compression[1]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def shown(value: object, width: int = 60) -> str:
    """A value on one line, as a file would have it, shortened to `width` characters."""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    if not text.isprintable():
        text = ascii(text)
    return text if len(text) <= width else text[:width] + "…"
