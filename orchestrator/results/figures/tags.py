"""Which artists of a figure belong to which technique, so that a page can highlight one."""

from __future__ import annotations

from typing import TypeVar

from matplotlib.artist import Artist

from workers.text import printable

_KIND = "technique:"
_Artist = TypeVar("_Artist", bound=Artist)


def tag(artist: _Artist, technique: str, part: str) -> _Artist:
    """Mark an artist as part of a technique (`line`, `band`, `replicate`, `name`, …)."""
    artist.set_gid(f"{_KIND}{printable(technique)}:{part}")
    return artist


def tag_of(gid: str) -> tuple[str, str] | None:
    """The technique and the part that `tag` wrote; None for any other id."""
    if not gid.startswith(_KIND):
        return None
    technique, _, part = gid.removeprefix(_KIND).rpartition(":")
    return technique, part
