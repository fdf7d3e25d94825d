"""Files that fail on purpose, and files that refuse to be written."""

from __future__ import annotations

import errno
import itertools
import os
import time


class FaultyFiles:
    """Passes everything on to `files`, but for the n-th call of one operation.

    `how` it fails: `before` or `after` its effect, `partial` (half a temporary file, then an error), `full` (a
    full disk: all calls from the n-th to the `until`-th), or `slow`.
    """

    def __init__(self, files, operation, number, how, *, until=None):
        self.files = files
        self.operation = operation
        self.how = how
        self.failing = range(number, (until or number) + 1)
        self.calls = itertools.count(1)

    def __getattr__(self, name):
        method = getattr(self.files, name)
        return self._failing(method) if name == self.operation else method

    def _failing(self, method):
        def call(path, *arguments):
            if next(self.calls) not in self.failing:
                return method(path, *arguments)
            if self.how == "slow":
                time.sleep(0.05)
                return method(path, *arguments)
            if self.how == "full":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
            if self.how == "partial":
                folder, _, _ = path.rpartition("/")
                self.files.write(f"{folder}/.half.tmp", arguments[0][: len(arguments[0]) // 2])
            if self.how == "after":
                method(path, *arguments)
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)

        return call


class ReadOnlyFiles:
    """Reads what is in `files`; refuses everything else, as a read-only disk does (root may write where others may
    not, so permissions do not test this)."""

    def __init__(self, files):
        self.files = files

    def __getattr__(self, name):
        return getattr(self.files, name)

    def _refuse(self, path, *arguments):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    write = publish = delete = move = _refuse
