"""The memory through which loading processes hand data over: /dev/shm, which containers often keep small."""

from __future__ import annotations

import os
import shutil
from typing import NamedTuple

PLACE = "/dev/shm"

REMEDY = "start the container with `--shm-size=8g` or `--ipc=host`"


class SharedMemory(NamedTuple):
    """Bytes of the shared memory of this machine."""

    total: int
    free: int


def shared_memory() -> SharedMemory | None:
    """The shared memory of this machine; None where it is not limited by a filesystem."""
    if not os.path.isdir(PLACE):
        return None
    usage = shutil.disk_usage(PLACE)
    return SharedMemory(usage.total, usage.free)
