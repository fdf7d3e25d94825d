"""Named points at which a test can make this process die. In production each one costs a comparison with None.

PRUNESWEEP_CRASH_AT=name[:n[:mode]] arms one: when the process passes it for the n-th time (default: the first), it is
killed (mode `kill`: SIGKILL, the default), ends without cleaning up (`exit`), or raises Crash (`exception`).
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable

_hook: Callable[[str], None] | None = None


class Crash(Exception):
    """Raised on purpose, at a crash point."""


def crash_point(name: str) -> None:
    """Mark a boundary between two steps of a worker, a store or a driver."""
    if _hook is not None:
        _hook(name)


def watch(hook: Callable[[str], None] | None) -> None:
    """Call `hook` with the name of every crash point that is passed from now on; None stops that."""
    global _hook
    _hook = hook


def arm(setting: str) -> None:
    """Die at a point, as described above. Raises ValueError for an unknown mode or a count that is not a number."""
    wanted, _, rest = setting.partition(":")
    count, _, mode = rest.partition(":")
    die = _MODES.get(mode or "kill")
    if die is None:
        raise ValueError(f"crash mode must be one of {', '.join(_MODES)}: {mode}")
    last = int(count or 1)
    passings = itertools.count(1)

    def hook(name: str) -> None:
        if name == wanted and next(passings) == last:
            die(name)

    watch(hook)


def _kill(name: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _exit(name: str) -> None:
    os._exit(1)


def _raise(name: str) -> None:
    raise Crash(name)


_MODES: dict[str, Callable[[str], None]] = {"kill": _kill, "exit": _exit, "exception": _raise}

if _setting := os.environ.get("PRUNESWEEP_CRASH_AT"):
    arm(_setting)
