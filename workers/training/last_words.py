"""What the code of a trial printed before its process died: it is in a file of the machine, not yet in the log."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from workers.machine.memory_kills import memory_kills
from workers.machine.printed import left_over
from workers.paths import temporary_folder
from workers.store.filesystems.opening import open_files
from workers.store.logs import add_left_over


def printed_path(location: str, log: str) -> Path:
    """A file of this machine to take what an attempt prints, by its store and its log there.

    Its name also says how many processes had been killed for want of memory when the attempt began.
    """
    return temporary_folder() / f"{_name(location, log)}-{memory_kills()}.printed"


def rescue(location: str, log: str, *, certainly: bool = True) -> bool:
    """Move what a process printed last into the log of its attempt, if it has died on this machine.

    If that is not certain, nothing happens while the process lives. Returns whether a process was killed for want of
    memory since the attempt began.
    """
    for path in temporary_folder().glob(f"{_name(location, log)}-*.printed"):
        printed = left_over(path, certainly=certainly)
        if printed is not None:
            killed = path.stem.rpartition("-")[2] not in ("None", str(memory_kills()))
            outcome = "out_of_memory" if killed else "lost_worker"
            with contextlib.suppress(OSError):  # a log is worth no failure
                add_left_over(open_files(location), log, printed, f"{outcome}\nthe process of the attempt has died")
            return killed
    return False


def _name(location: str, log: str) -> str:
    return hashlib.sha256(f"{location} {log}".encode()).hexdigest()[:20]
