"""Waiting for what may never answer: a bucket, a cluster, a file server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

T = TypeVar("T")

ANSWER_SECONDS = 10.0
"""How long the first answer of a service may take."""

_NAME = "prunesweep-waiting"


class NoAnswer(TimeoutError):
    """What was asked did not answer in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")


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
    if not wait([future], seconds).done:
        raise NoAnswer(seconds)
    return future.result()


def is_anything_left() -> bool:
    """Whether work that was left behind is still waiting; the process then has to exit without it."""
    return any(thread.name == _NAME for thread in threading.enumerate())
