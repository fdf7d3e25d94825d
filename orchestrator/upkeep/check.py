"""One finding of `doctor`."""

from __future__ import annotations

from typing import NamedTuple

from workers.errors import hint_line


class Check(NamedTuple):
    """One thing that was checked: whether it is as it should be, what was found, and what to do about it if not."""

    what: str
    good: bool
    found: str
    hint: str = ""

    def lines(self) -> list[str]:
        """The check as a person reads it."""
        line = f"{'✔' if self.good else '✘'} {self.what}: {self.found}"
        return [line, f"  {hint_line(self.hint)}"] if self.hint else [line]
