"""Copies of a bucket's checkpoints on this machine: many trials start from the same few, which are fetched once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from workers.paths import temporary_folder
from workers.store.filesystems.file_locks import locked

MOST_BYTES = 10_000_000_000
"""The most that the copies of all runs take on a machine; also at most a tenth of the space that is free."""

UNUSED_SECONDS = 24 * 3600.0
"""Copies that nobody has read for so long are deleted."""

_DIGEST = hashlib.sha256().digest_size
_COPY, _LOCK = ".copy", ".lock"


class LocalCopies:
    """The copies that the workers of one run on this machine share; every read checks the SHA-256 of a copy.

    Each run, named by the token of its lease, has separate copies: a later one might find other bits in the bucket.
    Whatever fails on this machine only means that the bucket is read.
    """

    def __init__(self, location: str, run: str, folder: Path | None = None, most_bytes: int = MOST_BYTES) -> None:
        self._names = f"{location} {run}"
        self._folder = temporary_folder() / "checkpoints" if folder is None else folder
        self._most_bytes = most_bytes

    def get(self, path: str, fetch: Callable[[], bytes]) -> bytes:
        """The content of a file of the store, fetched unless a sound copy is here. Raises the errors of `fetch`."""
        copy = self._folder / f"{hashlib.sha256(f'{self._names} {path}'.encode()).hexdigest()[:32]}{_COPY}"
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):  # also if another worker takes long to fetch it
                self._make_folder()
                stack.enter_context(locked(copy.with_suffix(_LOCK), os.O_RDWR | os.O_CREAT))
            data = _read(copy)
            if data is None:
                data = fetch()
                with contextlib.suppress(OSError):
                    self._keep(copy, data)
            return data

    def _make_folder(self) -> None:
        """Make the folder and the one above it. Raises PermissionError if they are not this user's."""
        for folder in (self._folder.parent, self._folder):
            folder.mkdir(mode=0o700, exist_ok=True)
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                raise PermissionError(f"the folder belongs to another user: {folder}")

    def _keep(self, copy: Path, data: bytes) -> None:
        self._make_folder()
        if not self._make_room(len(data)):
            return
        temporary = copy.with_suffix(f".{secrets.token_hex(8)}")
        try:
            temporary.write_bytes(hashlib.sha256(data).digest() + data)
            temporary.replace(copy)
        finally:
            temporary.unlink(missing_ok=True)

    def _make_room(self, size: int) -> bool:
        """Delete unused copies, and those that were read least recently. Returns whether there is room for another."""
        statuses = {path: path.stat() for path in self._folder.iterdir()}
        total = sum(status.st_size for status in statuses.values())
        limit = min(self._most_bytes, (shutil.disk_usage(self._folder).free + total) // 10)
        for path, status in sorted(statuses.items(), key=lambda entry: entry[1].st_mtime):
            is_unused = time.time() - status.st_mtime > UNUSED_SECONDS
            if is_unused or (total + size > limit and path.suffix == _COPY):
                path.unlink(missing_ok=True)
                total -= status.st_size
        return total + size <= limit


def _read(copy: Path) -> bytes | None:
    """The content of a copy, and note that it was read; None if it is missing or damaged."""
    try:
        data = copy.read_bytes()
        os.utime(copy)
    except OSError:
        return None
    digest, content = data[:_DIGEST], data[_DIGEST:]
    return content if hashlib.sha256(content).digest() == digest else None
