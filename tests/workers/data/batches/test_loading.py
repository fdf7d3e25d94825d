"""Decoding processes that cannot deliver end a trial with a remedy, and never hang it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch
from torch.utils.data import Dataset

from workers.data.batches import loading
from workers.data.batches.loading import Batch, loaded
from workers.data.batches.shared_memory import SharedMemory, shared_memory
from workers.errors import DataStalled

CPU = torch.device("cpu")


class Slow(Dataset[Batch]):
    """Batches that never come."""

    def __getitem__(self, index: int) -> Batch:
        time.sleep(600)
        raise AssertionError


class Dying(Dataset[Batch]):
    """Batches whose process is killed, as by a bus error when shared memory is full."""

    def __getitem__(self, index: int) -> Batch:
        os._exit(1)


def test_batches_that_do_not_fit_shared_memory_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "shared_memory", lambda: SharedMemory(total=64_000_000, free=64_000_000))
    with pytest.raises(DataStalled) as raised:
        next(loaded(Slow(), range(1), 8, CPU, 19_267_584))
    assert raised.value.message == (
        "8 loading processes exchange up to 328 MB through shared memory, but `/dev/shm` has 64 MB free"
    )
    assert raised.value.hint == (
        "start the container with `--shm-size=8g` or `--ipc=host`, or set `workers: 1` in `dataset`"
    )
    assert raised.value.outcome == "io"


def test_a_process_that_decodes_itself_needs_no_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "shared_memory", lambda: SharedMemory(total=0, free=0))
    loading._check_shared_memory(0, 10**9)


def test_processes_that_deliver_nothing_end_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "PATIENCE", 1.0)
    with pytest.raises(DataStalled, match=r"1 loading process stopped delivering .*: DataLoader timed out"):
        next(loaded(Slow(), range(1), 1, CPU, 1))


def test_processes_that_die_end_the_trial() -> None:
    with pytest.raises(DataStalled, match=r"1 loading process stopped delivering .*: DataLoader worker") as raised:
        next(loaded(Dying(), range(1), 1, CPU, 1))
    assert "`--shm-size=8g`" in raised.value.hint


def test_shared_memory_is_what_the_system_says() -> None:
    memory = shared_memory()
    if Path("/dev/shm").is_dir():
        assert memory is not None
        assert 0 <= memory.free <= memory.total
    else:
        assert memory is None
