"""Handing events to a receiver that may be slow, hang or fail: from a queue, in a thread that is not waited for."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from typing import Protocol

from orchestrator.tracking.events import Event, TrialReached
from workers.machine.terminal import say
from workers.text import plural, printable

MOST_EVENTS = 10_000
"""How many events may wait for a receiver; mere reports of steps are dropped once half as many wait."""


_END_SECONDS = 0.2  # for the thread to notice that its receiver is abandoned


class NotDelivered(Exception):
    """A receiver did not take an event; the message says why, in full."""


class Receiver(Protocol):
    """Takes events one after the other, in its own thread. May be slow, and raise anything."""

    def receive(self, event: Event) -> None: ...

    def close(self) -> None:
        """Finish, after the last event."""

    def abandon(self) -> None:
        """Stop the work that is left: the time to finish is over. Called in another thread."""


class Delivery:
    """A listener that returns at once. `name` is what a warning calls the receiver, `seconds` its time at the end."""

    def __init__(self, name: str, receiver: Receiver, *, seconds: float, most: int = MOST_EVENTS) -> None:
        self._name = name
        self._receiver = receiver
        self._seconds = seconds
        self._most = most
        self._events: queue.Queue[Event | None] = queue.Queue(most)
        self._dropped = 0
        self._has_failed = False
        self._thread = threading.Thread(target=self._deliver, name=f"prunesweep-{name}", daemon=True)
        self._thread.start()

    def hear(self, event: Event) -> None:
        """Queue an event; drop it if the receiver is far behind."""
        if isinstance(event, TrialReached) and not event.scores and self._events.qsize() > self._most // 2:
            return
        try:
            self._events.put_nowait(event)
        except queue.Full:
            self._dropped += 1

    def end(self) -> float:
        """Let the receiver finish. Returns until when (by the monotonic clock) it has time for that."""
        with contextlib.suppress(queue.Full):  # then the receiver hangs
            self._events.put_nowait(None)
        return time.monotonic() + self._seconds

    def wait(self, until: float) -> None:
        """Wait until the receiver has finished, or its time is over."""
        self._thread.join(max(0.0, until - time.monotonic()))
        if self._thread.is_alive():
            self._warn(f"did not finish within {self._seconds:g} s, and was abandoned")
            self._has_failed = True  # what follows from that need not be said
            self._receiver.abandon()
            self._thread.join(_END_SECONDS)
        elif self._dropped:
            self._warn(f"was too slow: {plural(self._dropped, 'event')} not delivered")

    def _deliver(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                self._receiver.receive(event)
            except Exception as error:
                self._failed(error)
        try:
            self._receiver.close()
        except Exception as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        """Say once what fails: the sweep continues."""
        if not self._has_failed:
            self._has_failed = True
            self._warn(str(error) if isinstance(error, NotDelivered) else f"{type(error).__name__}: {error}")

    def _warn(self, reason: str) -> None:
        say(f"warning: {self._name}: {printable(reason)}")
