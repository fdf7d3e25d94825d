"""Early stopping by signal or time limit. The first signal asks for a clean stop, the second exits immediately."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType

from orchestrator.driver.situation import is_supervised, situation, with_remedy
from workers.machine.terminal import leave_terminal, stderr_for_people
from workers.waiting import hurry, take_time

_NOTICE = b"\nStopping: running trials are saving their state (press Ctrl-C again to exit immediately)\n"
HUNG_SECONDS = 10.0
"""How long, after a signal, what has nothing to save may take to end."""


class Interrupt:
    """Set by SIGINT, SIGTERM or SIGHUP, or after `stop_after` seconds. The driver checks it and lets trials save.

    As a context manager it installs its signal handlers, in the main thread only, and restores the old ones. A second
    signal ends the process immediately, with the exit code of the signal: a supervisor sees to that, if there is one.
    """

    def __init__(self, stop_after: float | None = None) -> None:
        self.signal: int | None = None
        self._deadline = None if stop_after is None else time.monotonic() + stop_after
        self._before: dict[int, object] = {}
        self._nothing_to_save = False

    @property
    def requested(self) -> bool:
        """Whether to stop."""
        return self.signal is not None or self.out_of_time

    @property
    def out_of_time(self) -> bool:
        """Whether the time limit has passed."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    @contextmanager
    def nothing_to_save(self) -> Iterator[None]:
        """In the block, which may hang and has nothing to lose, one signal ends the process within `HUNG_SECONDS`."""
        self._nothing_to_save = True
        try:
            yield
        finally:
            self._nothing_to_save = False

    def install(self) -> None:
        """Install the handlers; again after Ray has started, because it replaces them."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # started by `nohup`
            before = signal.signal(number, self._handle)
            self._before.setdefault(number, before)

    def __enter__(self) -> Interrupt:
        take_time()
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = number
            hurry()
            _notify(_NOTICE)
            if self._nothing_to_save and not is_supervised():
                threading.Thread(target=self._leave_hung, args=(number,), name="hung", daemon=True).start()
        elif number != signal.SIGHUP and not is_supervised():  # a terminal that closes sends several
            os._exit(128 + number)
        if number == signal.SIGHUP:
            leave_terminal()

    def _leave_hung(self, number: int) -> None:
        time.sleep(HUNG_SECONDS)
        if self._nothing_to_save:
            words = with_remedy("Interrupted while loading data or a network", situation())
            _notify(f"\n{words}\n".encode())
            os._exit(128 + number)


def _notify(words: bytes) -> None:
    with suppress(OSError):  # the terminal may be gone
        os.write(stderr_for_people(), words)
