"""A process gives the memory of its GPU back between trials, and one that cannot is noticed."""

from __future__ import annotations

import pytest

from workers.machine.device import Device
from workers.machine.gpu_memory import LEAST_LEAK, GpuMemory


@pytest.fixture
def held(monkeypatch):
    """What the process holds, in bytes; the memory of torch is given back each time."""
    held = [100]
    monkeypatch.setattr("torch.cuda.memory_allocated", lambda: held[0])
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: held.append("given back"))
    return held


def test_a_trial_that_leaves_memory_behind_is_noticed(held):
    memory = GpuMemory(Device(name="cuda"))
    assert not memory.release()
    held[0] += LEAST_LEAK
    assert not memory.release()
    held[0] += 1
    assert memory.release()
    assert held[1:] == ["given back"] * 3


def test_data_sets_that_are_kept_do_not_count_as_left_behind(held):
    memory = GpuMemory(Device(name="cuda:1"))
    assert not memory.release(kept=1)
    held[0] += 10 * LEAST_LEAK
    assert not memory.release(kept=2)
    assert memory.release(kept=1)


def test_without_a_gpu_nothing_is_done(held):
    assert not GpuMemory(Device()).release()
    assert held == [100]
