"""Packages that only some sweeps need, from the extras of prunesweep."""

from __future__ import annotations

import importlib
from typing import Any

from workers.errors import InputError


def imported(package: str, extra: str) -> Any:
    """A package of an extra. Raises InputError if it is not installed, or fails as it is imported."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        is_missing = isinstance(error, ModuleNotFoundError) and error.name == package
        raise InputError(
            f"package `{package}` is not installed" if is_missing else f"cannot import package `{package}`: {error}",
            hint=f"install it with `pip install 'prunesweep[{extra}]'`",
        ) from error
