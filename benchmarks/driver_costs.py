"""What a driver costs while it runs: its CPU time and its memory, by the number of records that its store has."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_POLL_SECONDS = 0.2
_USER_TICKS, _SYSTEM_TICKS = 11, 12  # their places in /proc/PID/stat, after the name


class Sample(NamedTuple):
    """A driver once its store had so many records: CPU seconds so far, and its memory now and at most, in MB."""

    records: int
    cpu: float
    memory: float
    peak: float


def follow(process: subprocess.Popen[bytes], store: Path) -> list[Sample]:
    """Samples of the driver that a command has started, until the command ends. Linux only."""
    samples = []
    while process.poll() is None:
        with contextlib.suppress(OSError, ValueError):  # the driver has not begun, or has just ended
            samples.append(_sample(store))
        time.sleep(_POLL_SECONDS)
    return samples


def cpu_each(samples: Sequence[Sample], begin: int, end: int) -> float:
    """Milliseconds of CPU that each record took from one number of records to another."""
    first, last = (next(sample for sample in samples if sample.records >= number) for number in (begin, end))
    return 1000 * (last.cpu - first.cpu) / max(1, last.records - first.records)


def memory_at(samples: Sequence[Sample], records: int) -> float:
    """MB once the store had so many records."""
    return next(sample.memory for sample in samples if sample.records >= records)


def _sample(store: Path) -> Sample:
    driver = Path("/proc", str(json.loads((store / "lease.json").read_text())["pid"]))
    records = sum(not name.startswith(".") for name in os.listdir(store / "results"))
    fields = (driver / "stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])
    return Sample(records, ticks / os.sysconf("SC_CLK_TCK"), *memory_of(driver))


def memory_of(process: Path) -> tuple[float, float]:
    """The memory of a process, which is a folder of /proc, in MB: now, and the most so far."""
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    now, peak = (int(status[name].split()[0]) / 1000 for name in ("VmRSS", "VmHWM"))
    return now, peak
