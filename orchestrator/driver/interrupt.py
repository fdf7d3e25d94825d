"""When to stop early: a signal, or a time limit. The first asks, the second time it is an order."""

from __future__ import annotations

import os
import signal
import sys
import time
from types import FrameType, TracebackType


class Interrupt:
    """Set by SIGINT, SIGTERM or the end of `stop_after` seconds; whoever drives a sweep looks at it and drains.

    As a context manager it installs its signal handlers and puts the old ones back. A second signal ends the
    process at once, with the signal's exit code.
    """

    def __init__(self, stop_after: float | None = None) -> None:
        self.signal: int | None = None
        self._deadline = None if stop_after is None else time.monotonic() + stop_after
        self._before: dict[int, object] = {}

    @property
    def requested(self) -> bool:
        """Whether to stop."""
        return self.signal is not None or self.out_of_time

    @property
    def out_of_time(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def install(self) -> None:
        """(Re)install the handlers; Ray replaces them when it starts."""
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.signal(number, self._handle)
            self._before.setdefault(number, before)

    def __enter__(self) -> Interrupt:
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            os._exit(128 + number)
        self.signal = number
        os.write(sys.stderr.fileno(), b"\nStopping: running trials are saving their state (again to end at once)\n")
