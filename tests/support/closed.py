"""Folders and files of a store that the operating system does not let this user read, not even as root."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from workers.store.filesystems.local import LocalFiles


def close(monkeypatch: pytest.MonkeyPatch, folder: Path, number: int = errno.EACCES) -> None:
    """Let listing a folder fail: with EACCES as that of another user, with ESTALE as on a file server that restarts."""
    scandir = os.scandir

    def scan(path: Any) -> Any:
        if Path(path) == folder:
            raise OSError(number, os.strerror(number), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)


def close_file(monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    """Let opening a file of any store on a disk fail, as one of another user. `closed` is its path in the store."""
    opened = LocalFiles._open

    def refuse(files: LocalFiles, path: str) -> Any:
        if path == closed:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)
        return opened(files, path)

    monkeypatch.setattr(LocalFiles, "_open", refuse)
