"""What is printed for people, on a terminal that may go at any moment: a window is closed, or a connection is lost."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from workers.machine.printed import stderr_of_process

_STDOUT, _STDERR = 1, 2


def stderr_for_people() -> int:
    """Where people read: another descriptor than 2 while native code must not write there."""
    try:
        return stderr_of_process().fileno()
    except (OSError, AttributeError):  # a notebook's, or none
        return _STDERR


def leave_terminal() -> None:
    """Write to nowhere from now on, instead of to a terminal that is gone, where each write would fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in {_STDOUT, _STDERR, stderr_for_people()}:
        if stat.S_ISCHR(os.fstat(descriptor).st_mode):
            os.dup2(nowhere, descriptor)
    os.close(nowhere)


def leave_dead_terminal() -> None:
    """Do the same if the terminal is gone, such as where the descriptors of before it went were restored."""
    if any(_is_dead(descriptor) for descriptor in (_STDOUT, _STDERR)):
        leave_terminal()


def _is_dead(descriptor: int) -> bool:
    try:
        os.get_terminal_size(descriptor)
    except OSError as error:
        return error.errno == errno.EIO  # ENOTTY: a pipe or a file
    return False


@contextmanager
def outliving_terminal() -> Iterator[None]:
    """End the block, but nothing else, if it writes to a terminal that is gone: SIGHUP comes later, or never."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        leave_terminal()


@outliving_terminal()
def say(message: object) -> None:
    """Print a message for people to stderr."""
    print(message, file=sys.stderr)
