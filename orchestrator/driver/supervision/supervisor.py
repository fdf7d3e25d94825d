"""The process that a user starts and a batch system knows: it forks the driver off, and waits for it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from orchestrator.driver.situation import Situation, answer_to
from orchestrator.driver.supervision.endings import DriverEnding, ending_of
from orchestrator.driver.supervision.patience import LEAVE_SECONDS, Patience

COMMANDS = ("run", "resume", "prune")
"""The commands that drive."""

_POLL_SECONDS = 0.5
_RELEASE_SECONDS = 5.0  # a store that has just not answered would take as long to say nothing
_SECOND_SIGNAL_SECONDS = 1.0  # `timeout` and a closing terminal send the same signal several times at once
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def is_wanted(words: Sequence[str]) -> bool:
    """Whether a command line drives a sweep through Ray."""
    return bool(words) and words[0] in COMMANDS and "--in-process" not in words


def fork_driver() -> None:
    """Continue in a new process, the driver; this one ends as the driver does. Only where no thread runs yet."""
    here, there = socket.socketpair()
    signals = {*_STOPS, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # until each process knows what to do with them
    driver = os.fork()
    if driver == 0:
        here.close()
        answer_to(there)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        return
    there.close()
    _Supervisor(driver, here).speak_last(signals)


class _Supervisor:
    """Waits for a driver, whose situation comes in over a line; passes signals on to it."""

    def __init__(self, driver: int, line: socket.socket) -> None:
        self._driver = driver
        self._line = line
        self._line.setblocking(False)
        self._awake, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        self._sources = [self._awake, line]
        self._unread = b""
        self._situation = Situation()
        self._heard: list[int] = []
        self._heard_at = 0.0
        self._ended = False
        self._begun = time.monotonic()
        self._killed: DriverEnding | None = None

    def speak_last(self, signals: set[signal.Signals]) -> NoReturn:
        """Wait until the driver has ended, and end."""
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in signals:
            if signal.getsignal(number) != signal.SIG_IGN:  # as `nohup` leaves SIGHUP
                signal.signal(number, self._pass_on)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        ending = self._wait()
        with contextlib.suppress(OSError):  # the terminal may be gone
            os.write(sys.stderr.fileno(), f"\n{ending.words}\n".encode() if ending.words else b"")
        if self._situation.notify or self._situation.on_end:
            _announce(self._situation, ending, time.monotonic() - self._begun)
        os._exit(ending.code)

    def _wait(self) -> DriverEnding:
        patience = Patience(self._driver)
        while (code := self._exit_code()) is None:
            watched = self._heard or self._situation.ray or self._situation.connecting
            select.select(self._sources, [], [], _POLL_SECONDS if watched else None)
            _drain(self._awake)
            self._read()
            if watched:
                self._kill_if(patience.exhausted(self._situation, self._heard) or self._overdue())
        self._read()
        self._forget_empty_log()
        ending = ending_of(code, self._situation, self._heard, self._killed)
        self._tidy(ending)
        return ending

    def _exit_code(self) -> int | None:
        """How the driver has ended; None while it runs."""
        if os.waitid(os.P_PID, self._driver, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self._ended = True  # before its number is free for another process
        return os.waitstatus_to_exitcode(os.waitpid(self._driver, 0)[1])

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGCHLD or self._ended:
            return
        now = time.monotonic()
        if not self._heard:
            self._heard_at = now
        elif number != signal.SIGHUP and now - self._heard_at > _SECOND_SIGNAL_SECONDS:
            self._kill(DriverEnding(128 + number, "Interrupted"))
            return
        self._heard.append(number)
        os.kill(self._driver, number)

    def _overdue(self) -> DriverEnding | None:
        """The ending if a driver does not come to its end after a signal, without trials that save their states."""
        if not self._heard or self._situation.ray or time.monotonic() - self._heard_at < LEAVE_SECONDS:
            return None
        return DriverEnding(128 + self._heard[0], "Interrupted")

    def _kill_if(self, reason: DriverEnding | None) -> None:
        """Kill the driver for a reason that took some time to find, unless its situation has changed meanwhile."""
        before = self._situation
        self._read()
        if reason is not None and self._situation == before:
            self._kill(reason)

    def _kill(self, reason: DriverEnding) -> None:
        if not self._ended and self._killed is None:
            self._killed = reason
            os.kill(self._driver, signal.SIGKILL)

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # nothing to read, or removed already
            while part := self._line.recv(65536):
                self._unread += part
            self._sources.remove(self._line)  # the driver is about to end
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            self._situation = self._situation.after(line)

    def _forget_empty_log(self) -> None:
        log = Path(self._situation.log or os.devnull)
        if not log.is_file() or log.stat().st_size == 0:
            _delete(self._situation.log)
            self._situation = replace(self._situation, log="")

    def _tidy(self, ending: DriverEnding) -> None:
        """Release the lease that the dead driver still holds, and delete a log that is not named."""
        situation = self._situation
        if situation.log not in ending.words:
            _delete(situation.log)
        if situation.lease:
            _release(situation)


def _announce(situation: Situation, ending: DriverEnding, seconds: float) -> None:
    from orchestrator.driver.supervision.announcement import announce

    with contextlib.suppress(Exception):  # nobody is left to hear of a problem with it
        announce(situation, ending, seconds)
    sys.stderr.flush()


def _delete(log: str) -> None:
    if log:
        Path(log).unlink(missing_ok=True)  # whoever cleans folders for temporary files may have been faster


def _drain(awake: socket.socket) -> None:
    if select.select([awake], [], [], 0)[0]:
        awake.recv(64)


def _release(situation: Situation) -> None:
    from workers.store import Store
    from workers.store.lease import release
    from workers.waiting import within

    with contextlib.suppress(Exception):  # then it expires
        within(_RELEASE_SECONDS, lambda: release(Store(situation.store).files, situation.lease))
