"""Waiting for what may never answer: a bucket, a cluster, a file server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")

ANSWER_SECONDS = 10.0
"""How long the first answer of a service may take."""

HURRY_SECONDS, LAST_SECONDS = 5.0, 1.0
"""How long an answer may take in a hurry: the first one, and all others once one did not come."""

_NAME = "prunesweep-waiting"
_SLICE = 0.2


class NoAnswer(TimeoutError):
    """What was asked did not answer in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")


class _Hurry:
    """Whether a person waits for this process to end: `since` when, and how long an answer may take then."""

    since: float | None = None
    seconds = HURRY_SECONDS


def hurry() -> None:
    """Wait only briefly from now on, also for what has begun: a person wants this process to end. Signal-safe."""
    _Hurry.since = time.monotonic()


def take_time() -> None:
    """Wait as usual again."""
    _Hurry.since, _Hurry.seconds = None, HURRY_SECONDS


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns or raises. Raises NoAnswer if that takes longer, and leaves it behind in a thread.

    The calling thread can be interrupted while it waits, which it could not inside native code.
    """
    return answer(begin(work), seconds)


def begin(work: Callable[[], T]) -> Future[T]:
    """Begin some work in a thread that does not keep the process from ending."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=_NAME, daemon=True).start()
    return future


def answer(future: Future[T], seconds: float) -> T:
    """The result of some work that has begun. Raises NoAnswer if it takes longer than `seconds` from now."""
    begun = time.monotonic()
    while not wait([future], min(seconds, _SLICE)).done:
        waited = time.monotonic() - begun
        if waited >= seconds:
            raise NoAnswer(seconds)
        if _Hurry.since is not None and time.monotonic() - max(begun, _Hurry.since) >= _Hurry.seconds:
            _Hurry.seconds = LAST_SECONDS
            raise NoAnswer(round(waited, 1))
    return future.result()


def is_anything_left() -> bool:
    """Whether work that was left behind is still waiting; the process then has to exit without it."""
    return any(thread.name == _NAME for thread in threading.enumerate())
