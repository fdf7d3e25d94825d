"""Where a store is, and where files are written to, as the functions of the API take them."""

from __future__ import annotations

import os

from workers.paths import expanded

Location = str | os.PathLike[str]


def folder_for(to: Location | None, default: str) -> str:
    """The folder that was named, or `default`."""
    return default if to is None else expanded(to).rstrip("/") or "/"
