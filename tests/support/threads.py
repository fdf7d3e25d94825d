"""Calls from another thread than the main one, which alone may handle signals."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_thread(function: Callable[[], T]) -> T:
    """What a function returns or raises when a thread calls it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()
