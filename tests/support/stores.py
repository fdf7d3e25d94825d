"""What is in a store, for comparing."""

from __future__ import annotations

import shutil
from pathlib import Path


def attempts(store: Path) -> dict[str, int]:
    """When each stop was recorded: a stop that is trained again would not change it, so by file time."""
    return {path.name: path.stat().st_mtime_ns for path in (store / "results").iterdir()}


def with_facts(store: Path, other: Path) -> None:
    """A new store that need not inspect data and networks again (three seconds of importing torch)."""
    store.mkdir()
    shutil.copy(other / "store.json", store)
    shutil.copytree(other / "facts", store / "facts")
