"""What trials are trained on. Imports no torch: drivers do without."""

from __future__ import annotations

from dataclasses import dataclass

HUGE_PAGES = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=4294967296"
"""$GLIBC_TUNABLES for processes that train, set before they start: a tenth of a ResNet-20's time on a CPU."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What a trial may use: a torch device; and how often (seconds) it saves and reports."""

    device: str = "cpu"
    checkpoint_seconds: float = 60.0
    chunk_seconds: float = 1.0
