"""Batches that processes of a DataLoader decode ahead."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from workers.errors import PrunesweepError

Batch = tuple[Tensor, Tensor]


class _Caught(Dataset[Any]):
    """Errors as items, so that they reach the training process unchanged, not as text in another error."""

    def __init__(self, batches: Dataset[Batch]) -> None:
        self._batches = batches

    def __getitem__(self, index: int) -> Batch | PrunesweepError:
        try:
            return self._batches[index]
        except PrunesweepError as error:
            return error


def loaded(batches: Dataset[Batch], indices: Iterable[int], workers: int, device: torch.device) -> Iterator[Batch]:
    """The batches at some indices, in that order, decoded ahead by `workers` processes and moved to a device."""
    loader: DataLoader[Any] = DataLoader(
        _Caught(batches),
        batch_size=None,
        sampler=indices,
        num_workers=workers,
        collate_fn=_unchanged,
        pin_memory=device.type == "cuda",
        multiprocessing_context="spawn" if workers else None,  # forking a process with threads may hang
        worker_init_fn=_leave_quietly if workers else None,
        generator=torch.Generator(),  # so that torch's default generator is not used
    )
    for item in loader:
        if isinstance(item, PrunesweepError):
            raise item
        images, labels = item
        yield images.to(device, non_blocking=True), labels.to(device, non_blocking=True)


def _leave_quietly(worker: int) -> None:
    """Exit without C++ cleanup, which occasionally aborts the process while one of its threads still runs."""
    atexit.register(os._exit, 0)


def _unchanged(item: Any) -> Any:
    return item
