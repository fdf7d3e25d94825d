"""Folders that the operating system does not let this user list, not even as root."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest


def close(monkeypatch: pytest.MonkeyPatch, folder: Path, number: int = errno.EACCES) -> None:
    """Let listing a folder fail: with EACCES as that of another user, with ESTALE as on a file server that restarts."""
    scandir = os.scandir

    def scan(path: Any) -> Any:
        if Path(path) == folder:
            raise OSError(number, os.strerror(number), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
