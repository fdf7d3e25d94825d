"""Plain data with the places where they are written, so that a problem can be shown in the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from orchestrator.sweep.problems import KeyPath, LocatedProblem, Problem, SpecError, dotted, shown

_EXCERPT = 100  # characters of a line that are shown


class Mark(NamedTuple):
    """A place in a file, counted from 0."""

    line: int
    column: int
    width: int = 1


@dataclass(slots=True)
class Document:
    """Plain data, the lines of their file, and the mark of every value and key; no lines or marks without a file.

    `problems` are those that did not keep the file from being read.
    """

    data: Any
    name: str = "sweep"
    lines: list[str] = field(default_factory=list)
    marks: dict[KeyPath, Mark] = field(default_factory=dict)
    key_marks: dict[KeyPath, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def locate(self, problems: Iterable[Problem]) -> list[LocatedProblem]:
        """The problems with their places, in the order of the file, each once."""
        located = {self._locate(problem): None for problem in problems}
        return [problem for _, problem in sorted(located, key=lambda pair: pair[0])]

    def _locate(self, problem: Problem) -> tuple[Mark, LocatedProblem]:
        path, value = self._written(problem.path)
        mark = self.marks.get(path, Mark(0, 0))
        if problem.at_key:
            path = problem.path if problem.path in self.key_marks else path
            mark = self.key_marks.get(path, mark)
        located = LocatedProblem(
            where=self._where(mark) if self.lines else dotted(path) or self.name,
            field=dotted(path),
            value=shown(value) if problem.show and not problem.at_key else None,
            message=problem.message,
            hint=problem.hint,
            excerpt=self._excerpt(mark),
        )
        return mark, located

    def _written(self, path: KeyPath) -> tuple[KeyPath, Any]:
        """The part of a path that the data have, and the value there; `[0]` of a single value is the value itself."""
        written: KeyPath = ()
        value = self.data
        for part in path:
            within = part in value if isinstance(value, dict) else part in range(_length(value))
            if within:
                value = value[part]
                written += (part,)
            elif part != 0:
                break
        return written, value

    def _where(self, mark: Mark) -> str:
        return f"{self.name}:{mark.line + 1}:{mark.column + 1}"

    def _excerpt(self, mark: Mark) -> str:
        if mark.line >= len(self.lines):
            return ""
        first = max(0, mark.column - _EXCERPT // 2)
        line = self.lines[mark.line].replace("\t", " ")[first : first + _EXCERPT].rstrip()
        carets = "^" * max(1, min(mark.width, len(line) - (mark.column - first)))
        margin = f"  {mark.line + 1} | "
        return f"{margin}{line}\n{' ' * (len(margin) - 2)}| {' ' * (mark.column - first)}{carets}"

    def error(self, line: int, column: int, message: str, hint: str) -> SpecError:
        """The error for a file that cannot be read past this place."""
        mark = Mark(line, column)
        return SpecError([LocatedProblem(self._where(mark), "", None, message, hint, self._excerpt(mark))])


def _length(value: object) -> int:
    return len(value) if isinstance(value, list) else 0
