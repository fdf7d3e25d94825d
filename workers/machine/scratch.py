"""Folders for the temporary files of a process. One that is left because its process was killed goes with the next."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from workers.paths import temporary_folder

_PREFIX = "scratch-"
_NEW_SECONDS = 60.0  # a folder that is younger may not be locked yet


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder for the block, only for this user, after which it is deleted with all that is in it."""
    parent = _parent()
    if parent is not None:
        _delete_abandoned(parent)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True) as name, _held(Path(name)):
        yield Path(name)


def _parent() -> Path | None:
    """The folder of this user's temporary files; None if it is somebody else's or cannot be made."""
    folder = temporary_folder()
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        if not folder.is_symlink() and folder.stat().st_uid == os.getuid():
            return folder
    return None


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold a folder in the block, which the end of this process ends, too. Not every file system can do that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _delete_abandoned(parent: Path) -> None:
    """Delete the folders whose processes have ended."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # it is held, or another process has deleted it
            if time.time() - folder.lstat().st_mtime > _NEW_SECONDS:
                _delete_unless_held(folder)


def _delete_unless_held(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
