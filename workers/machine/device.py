"""The device that trials are trained on, and how processes that train are started. Imports no torch: drivers do not."""

from __future__ import annotations

from dataclasses import dataclass

HUGE_PAGES = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=4294967296"
"""$GLIBC_TUNABLES for processes that train, set before they start: a tenth of a ResNet-20's time on a CPU."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A torch device by its `name`, and how often (seconds) a trial on it saves its state and reports its step."""

    name: str = "cpu"
    checkpoint_seconds: float = 60.0
    chunk_seconds: float = 1.0
