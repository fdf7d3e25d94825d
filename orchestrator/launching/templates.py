"""The files of `docker/` that are filled in: in a checkout they lie there, in an installed package next to this one."""

from __future__ import annotations

from pathlib import Path

_PACKAGED = Path(__file__).parent / "templates"
_CHECKED_OUT = Path(__file__).parents[2] / "docker"


def template(name: str) -> str:
    """The text of a file."""
    folder = _PACKAGED if _PACKAGED.is_dir() else _CHECKED_OUT
    return (folder / name).read_text("utf-8")
