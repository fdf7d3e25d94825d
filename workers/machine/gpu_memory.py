"""What a process holds of the memory of its GPU between trials: others may share that GPU."""

from __future__ import annotations

import gc

from workers.machine.device import Device

LEAST_LEAK = 64 * 2**20
"""Bytes: how much more a process may hold than before. Libraries of CUDA keep workspaces."""


class GpuMemory:
    """Gives memory back after each trial, and notices if a trial has left some behind.

    What a process holds is compared with what it held after an earlier trial, with as many data sets in its memory.
    """

    def __init__(self, device: Device) -> None:
        self._on_gpu = device.name.startswith("cuda")
        self._least: dict[int, int] = {}

    def release(self, kept: int = 0) -> bool:
        """Give back what nothing refers to, while `kept` data sets stay for the next trials.

        Returns whether the process still holds much more than it did before.
        """
        if not self._on_gpu:
            return False
        import torch

        gc.collect()
        torch.cuda.empty_cache()
        held = torch.cuda.memory_allocated()
        self._least[kept] = min(held, self._least.get(kept, held))
        return held - self._least[kept] > LEAST_LEAK
