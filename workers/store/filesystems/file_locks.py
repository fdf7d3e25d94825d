"""Locks between processes, for the moments that a file system has no single operation for."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

LOCK_SECONDS = 10.0
"""How long to wait for a process that holds a lock: it does so for a few system calls, unless it is stopped."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
"""Seconds between attempts to lock. A lock that is kept for long is asked for less often: each time asks a server."""

_NO_LOCKS = frozenset((errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL, errno.EBADF))
"""How file systems say that they cannot lock (NFS without its lock server, Lustre without `flock`)."""


@contextlib.contextmanager
def locked(path: Path, flags: int) -> Iterator[int]:
    """Lock a file or folder, opened with `flags`, against other processes and threads; the system frees it at a death.

    Where the file system cannot lock, nothing is locked. Raises TimeoutError if another process keeps the lock, and
    what opening raises.
    """
    descriptor = os.open(path, flags)
    try:
        _wait(descriptor, path)
        yield descriptor
    finally:
        os.close(descriptor)


def _wait(descriptor: int, path: Path) -> None:
    end, pause = time.monotonic() + LOCK_SECONDS, _FIRST_PAUSE
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise TimeoutError(errno.ETIMEDOUT, "another process keeps it locked", str(path)) from error
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            return None
