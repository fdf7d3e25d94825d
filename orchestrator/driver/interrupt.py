"""Early stopping by signal or time limit. The first signal asks for a clean stop, the second exits immediately."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType, TracebackType

_NOTICE = b"\nStopping: running trials are saving their state (press Ctrl-C again to exit immediately)\n"


class Interrupt:
    """Set by SIGINT, by SIGTERM or after `stop_after` seconds. The driver of a sweep checks it and lets trials save.

    As a context manager it installs its signal handlers and restores the old ones. A second signal ends the process
    immediately, with the exit code of the signal.
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
        """Whether the time limit has passed."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def install(self) -> None:
        """Install the handlers; again after Ray has started, because it replaces them.

        Python has them in the main thread only: a sweep in another thread ends by its time limit or not early.
        """
        if threading.current_thread() is not threading.main_thread():
            return
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
        os.write(sys.stderr.fileno(), _NOTICE)
