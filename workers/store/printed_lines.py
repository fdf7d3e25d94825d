"""The lines that the code of a trial has printed, as its log keeps them."""

from __future__ import annotations

from collections import deque

_MOST_BYTES = 500_000  # of the newest lines are kept
_LONGEST = 10_000  # characters of a line


class PrintedLines:
    """The newest lines, each with the number that orders it among the other lines of a log."""

    def __init__(self) -> None:
        self.lines: deque[tuple[int, str]] = deque()
        self.cut = 0
        self._bytes = 0
        self._unfinished = ""

    def add(self, text: str, number: int, time: str) -> bool:
        """Add what was printed. Returns whether that ended a line: an unfinished one waits for its end."""
        *lines, self._unfinished = (self._unfinished + text).split("\n")
        self._unfinished = self._unfinished[-_LONGEST:]
        for line in lines:
            self._append(number, f"{time} printed: {_visible(line)[:_LONGEST]}")
        return bool(lines)

    def finish(self, number: int, time: str) -> None:
        """End the unfinished line, if there is text in it."""
        if self._unfinished:
            self.add("\n", number, time)

    def _append(self, number: int, line: str) -> None:
        self.lines.append((number, line))
        self._bytes += len(line.encode("utf-8", "replace"))
        while self._bytes > _MOST_BYTES:
            _, oldest = self.lines.popleft()
            self._bytes -= len(oldest.encode("utf-8", "replace"))
            self.cut += 1


def _visible(line: str) -> str:
    """What a terminal shows of a line in the end: progress bars return to its beginning and overwrite it."""
    return line.rstrip("\r").rpartition("\r")[2]
