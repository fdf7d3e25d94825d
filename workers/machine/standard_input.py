"""Keeps the code of a trial from waiting for input that nobody sees it ask for: what it prints goes to a log.

In a process of a trial's own, reading is an error. In the process of a person's own terminal, `breakpoint()` and
`input()` work: once such code reads, it has the terminal until the end of the chunk.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any, NoReturn, TextIO, cast

from workers.errors import InputError

_READING = ("read", "readline", "readlines", "readinto", "buffer", "__iter__", "__next__")
_SHOWN_BYTES = 2_000  # of what was printed before, such as the question


class _Stdin:
    """In place of `sys.stdin`. `streams` has where each thread that runs a trial prints to."""

    def __init__(self, original: TextIO | None, streams: dict[int, TextIO], own_process: bool) -> None:
        self.original = original
        self._streams = streams
        self._own_process = own_process

    def __getattr__(self, name: str) -> Any:
        thread = threading.get_ident()
        if name in _READING and thread in self._streams:
            if self._own_process or self.original is None or not self.original.isatty():
                refuse()
            self._give_terminal(thread)
        return getattr(self.original, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.readline, "")

    def _give_terminal(self, thread: int) -> None:
        """Let a trial print to the terminal, beginning with what it has just asked."""
        before, terminal = self._streams[thread], sys.__stdout__
        if terminal is None or before is terminal:
            return
        size = os.fstat(before.fileno()).st_size
        begin = max(0, size - _SHOWN_BYTES)
        terminal.write("\n" + os.pread(before.fileno(), size - begin, begin).decode("utf-8", "replace"))
        terminal.flush()
        self._streams[thread] = terminal


@contextlib.contextmanager
def kept_from_trial(streams: dict[int, TextIO], own_process: bool) -> Iterator[None]:
    """Answer for the standard input in the block. Blocks of several threads may overlap."""
    stdin, hook = sys.stdin, sys.breakpointhook
    if not isinstance(stdin, _Stdin):
        sys.stdin = cast(TextIO, _Stdin(stdin, streams, own_process))
    if own_process:
        sys.breakpointhook = refuse  # Ray's would wait for a debugger
    try:
        yield
    finally:
        if own_process:
            sys.breakpointhook = hook
        if isinstance(sys.stdin, _Stdin) and not streams:
            sys.stdin = cast(TextIO, sys.stdin.original)


def refuse(*words: Any, **named: Any) -> NoReturn:
    """Raise InputError, whatever a debugger or a question is asked with."""
    raise InputError(
        "the code of a trial cannot read from the standard input, or start a debugger",
        hint="remove `input()` and `breakpoint()`, or run the sweep with `--in-process` in a terminal",
    )
