"""Packages that only some sweeps need, from the extras of prunesweep."""

from __future__ import annotations

import importlib
from typing import Any

from workers.errors import InputError


def imported(package: str, extra: str) -> Any:
    """A package of an extra. Raises InputError if it is not installed."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise InputError(
            f"package `{package}` is not installed",
            hint=f"install it with `pip install 'prunesweep[{extra}]'`",
        ) from error
