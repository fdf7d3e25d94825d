"""Ending a command at a signal, even one that it cannot reach, because it waits inside the system or in native code.

Python runs signal handlers in the main thread, between two instructions. While that thread waits for a file server that
is gone (NFS, FUSE) a signal stays pending; while it waits in native code the handler does not run. A second thread
notices both.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from orchestrator.driver.situation import is_supervised
from workers.machine.terminal import leave_terminal
from workers.store.filesystems.bucket import BucketFiles
from workers.store.filesystems.local import LocalFiles

GRACE = 5.0
"""Seconds that the main thread has to notice a signal, and to end after one that no driver handles."""

_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class Interrupted(BaseException):
    """A signal that no driver handles. typer ends without a message at a KeyboardInterrupt."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def interrupt(number: int, frame: FrameType | None) -> None:
    """Handle a signal: end the command. More signals may follow, as from a terminal and a supervisor."""
    for handled in _SIGNALS:
        signal.signal(handled, signal.SIG_IGN)
    if number == signal.SIGHUP:
        leave_terminal()
    raise Interrupted(number)


def watch(grace: float = GRACE) -> None:
    """Handle signals, and watch over the main thread, which is the one that calls, until the process ends.

    Where there is a supervisor only SIGINT: the others end this process, and the supervisor says so.
    """
    signal.signal(signal.SIGINT, interrupt)
    if not is_supervised():
        for number in _SIGNALS:
            if signal.getsignal(number) == signal.SIG_DFL:  # not as `nohup` leaves SIGHUP
                signal.signal(number, interrupt)
    receiver, sender = socket.socketpair()
    receiver.settimeout(grace / 10)
    sender.setblocking(False)
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(receiver, sender, grace), name="signals", daemon=True).start()


def _watch(receiver: socket.socket, sender: socket.socket, grace: float) -> None:
    # Keeps `sender`, to which Python writes the number of each signal, from being closed
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # to see those that are pending for the process
    pending: dict[int, float] = {}
    ending: dict[int, float] = {}
    while True:
        arrived = _arrived(receiver)
        now = time.monotonic()
        for number in arrived:
            if number in _SIGNALS and signal.getsignal(number) in (interrupt, signal.SIG_IGN):
                ending.setdefault(number, now)
        pending = {number: pending.get(number, now) for number in signal.sigpending() & _SIGNALS}
        for number, since in (pending | ending).items():
            if now - since > grace:
                _leave(number)


def _arrived(receiver: socket.socket) -> bytes:
    try:
        return receiver.recv(64)
    except TimeoutError:
        return b""


def _leave(number: int) -> None:
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    place = place_of(_outwards(frame))
    words = f"\nInterrupted{f' while waiting for `{place}`, which does not answer' if place else ''}\n"
    with contextlib.suppress(OSError):  # the terminal may be gone
        os.write(2, words.encode())
    os._exit(128 + number)


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def place_of(frames: Iterator[FrameType]) -> str | None:
    """The store or the path that the innermost of some frames works with, if one does."""
    for frame in frames:
        values = list(frame.f_locals.values())
        places: list[object] = [value for value in values if isinstance(value, LocalFiles | BucketFiles | Path)]
        places += [value for value in values if isinstance(value, str) and "/" in value]
        if places:
            return str(places[0])
    return None
