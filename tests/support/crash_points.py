"""The names of all crash points, from the source: those that a worker passes, and those that only a driver does."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import orchestrator
import workers

_OF_DRIVERS = ("sweep.", "lease.")  # in the store's room, but no worker passes them


def _points(package: ModuleType) -> set[str]:
    """The points in the source of a package."""
    sources = (path.read_text() for path in Path(package.__path__[0]).rglob("*.py"))
    return {name for source in sources for name in re.findall(r'\bcrash_point\("([^"]+)"\)', source)}


WORKER_POINTS = sorted(name for name in _points(workers) if not name.startswith(_OF_DRIVERS))
DRIVER_POINTS = sorted(_points(orchestrator) | (_points(workers) - set(WORKER_POINTS)))
