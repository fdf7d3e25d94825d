"""Reading many files at once, which mostly waits for other machines."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from workers.errors import CorruptFile

T = TypeVar("T")

_MANY = 32  # files from which on reading them in threads is quicker
_SLICE, _THREADS = 16, 8  # files that a thread reads in a row


def map_paths(function: Callable[[str], T], paths: list[str]) -> list[T]:
    """Apply a function to the paths of files, or to the trials that they belong to; in threads if there are many."""
    if len(paths) < _MANY:
        return [function(path) for path in paths]
    slices = [paths[begin : begin + _SLICE] for begin in range(0, len(paths), _SLICE)]
    with ThreadPoolExecutor(_THREADS) as pool:
        results = pool.map(lambda some: [function(path) for path in some], slices)
        return list(itertools.chain.from_iterable(results))


def read_or_error(read: Callable[[str], bytes], path: str) -> bytes | CorruptFile:
    """The content of a file, or why it cannot be read."""
    try:
        return read(path)
    except CorruptFile as error:
        return error
    except FileNotFoundError:
        return CorruptFile(path, "was deleted while records were read")
