"""Where a store is, and where files are written to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from workers.errors import InputError
from workers.paths import expanded

if TYPE_CHECKING:
    from orchestrator.sweep.spec import SweepSpec

Location = str | os.PathLike[str]


def store_location(sweep: SweepSpec, store: Location | None) -> str:
    """The store that was named, or that of the sweep file. Raises InputError if there is neither."""
    location = expanded(store if store is not None else sweep.store or "")
    if not location:
        raise InputError("no store given, and the sweep file has none", hint="add `store:` to it, or use `--store`")
    return location


def folder_for(to: Location | None, default: str) -> str:
    """The folder that was named, or `default`."""
    return default if to is None else expanded(to).rstrip("/") or "/"
