"""What is installed on a machine, and must be the same on every node of a cluster."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
from pathlib import Path

from workers.machine.version import PACKAGES, VERSION

_DIGITS = 8


@functools.cache
def versions() -> dict[str, str]:
    """The versions of prunesweep, Python, Ray and torch, such as `0.1.0 (4f1d20ab)`: checkouts share a number."""
    others = {name: importlib.metadata.version(package) for name, package in {"Ray": "ray", "torch": "torch"}.items()}
    return {"prunesweep": f"{VERSION} ({_digest()})", "Python": platform.python_version(), **others}


def _digest() -> str:
    """The first digits of a checksum over all modules of prunesweep."""
    checksum = hashlib.sha256()
    root = Path(__file__).parents[2]
    for path in sorted(path for package in PACKAGES for path in (root / package).rglob("*.py")):
        checksum.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return checksum.hexdigest()[:_DIGITS]
