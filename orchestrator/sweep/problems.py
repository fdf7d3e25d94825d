"""What is wrong with a sweep file: complaints about a path in it, and problems that a person can find and fix."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from workers.errors import InputError

Path = tuple[str | int, ...]
"""Where a value is: the keys and list positions that lead to it."""


class Complaint(NamedTuple):
    """`message` is about the value at `path`, shown unless not, or about the last key of `path` if `at_key`."""

    path: Path
    message: str
    remedy: str
    show: bool = True
    at_key: bool = False


def complaint_of(error: str, path: Path) -> Complaint:
    """An error's message, hint included, as a complaint about the value at `path`, which it names by itself."""
    message, _, remedy = error.partition("\n\nhint: ")
    return Complaint(path, message, remedy, show=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `where` is `file:line:column`, or the path for data that came from no file.

    `excerpt` is the line of the file with a mark underneath, empty without a file.
    """

    where: str
    field: str
    value: str | None
    message: str
    remedy: str
    excerpt: str = ""

    def __str__(self) -> str:
        parts = [self.where] if self.where != self.field else []
        parts += [f"`{self.field}`"] if self.field else []
        parts += [self.message] if self.value is None else [self.message, self.value]
        lines = ["error: " + ": ".join(parts), self.excerpt, f"hint: {self.remedy}"]
        return "\n".join(line for line in lines if line not in ("", "hint: "))


class SpecError(InputError):
    """A sweep cannot be what was written. `problems` are all that were found, in the order of the file.

    The message has its own `error:` and `hint:` prefixes, a block for each problem.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n\n".join(str(problem) for problem in self.problems))


def dotted(path: Path) -> str:
    """`grid[0].compression[1]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{shown(part)}" for part in path)
    return "".join(parts).removeprefix(".")


def shown(value: object, width: int = 60) -> str:
    """A value on one line, as it would be written in a file, cut where it is long."""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    if not text.isprintable():
        text = ascii(text)
    return text if len(text) <= width else text[:width] + "…"
