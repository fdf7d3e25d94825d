"""How many processes the kernel has killed because memory ran out: a killed process cannot say so itself."""

from __future__ import annotations

import re
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def memory_kills(cgroups: Path = _CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int | None:
    """Kills so far in the control group of this process, which is a container's or a batch job's; None if unknown."""
    try:
        names = [line.split(":", 2)[2].lstrip("/") for line in own.read_text("utf-8").splitlines()]
    except (OSError, IndexError):
        names = []
    for name in [*names, ""]:  # inside a container the group of the process is at the top
        for counter in (cgroups / name / "memory.events", cgroups / "memory" / name / "memory.oom_control"):
            try:
                kills = _KILLS.search(counter.read_text("utf-8"))
            except OSError:
                continue
            if kills:
                return int(kills[1])
    return None
