"""The processes that a process has started."""

from __future__ import annotations

from pathlib import Path

_PROC = Path("/proc")
_DEAD = ("Z", "X")


def children(parent: int, proc: Path = _PROC) -> dict[str, bool]:
    """The names of the children of a process, and whether they run; none where the system does not say.

    One that has ended stays until the parent takes note of it.
    """
    names: dict[str, bool] = {}
    for status in proc.glob("[0-9]*/stat"):
        try:
            name, _, rest = status.read_text("utf-8", "replace").partition("(")[2].rpartition(")")
        except OSError:  # it has just ended
            continue
        state, above = rest.split()[:2]
        if int(above) == parent:
            names[name] = names.get(name, False) or state not in _DEAD
    return names
