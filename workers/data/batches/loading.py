"""Batches that processes of a DataLoader read ahead."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Iterator
from itertools import count
from pickle import PicklingError
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from workers.data.batches.shared_memory import PLACE, REMEDY, shared_memory
from workers.data.batches.structure import Batch, to_device
from workers.errors import BadInput, DataStalled, PrunesweepError, about
from workers.text import size

AnyBatch = TypeVar("AnyBatch", bound=Batch)

PATIENCE = 300.0
"""Seconds to wait for a batch. Decoding one takes seconds, even from a slow disk."""


class _Caught(Dataset[Any]):
    """Errors as items, so that they reach the training process unchanged, not as text in another error."""

    def __init__(self, batches: Dataset[Batch]) -> None:
        self._batches = batches

    def __getitem__(self, index: int) -> Batch | PrunesweepError:
        try:
            return self._batches[index]
        except PrunesweepError as error:
            return error


def loaded(
    batches: Dataset[AnyBatch], indices: Iterable[int], workers: int, device: torch.device, batch_bytes: int
) -> Iterator[AnyBatch]:
    """The batches at some indices, in that order, read ahead by `workers` processes and moved to a device.

    Raises BadInput if they cannot be sent to other processes; DataStalled if the processes die or deliver nothing for
    five minutes, and at once if batches of `batch_bytes` do not fit the shared memory of the machine.
    """
    with about("dataset"):
        _check_shared_memory(workers, batch_bytes)
        for inputs, targets in _delivered(_loader(batches, indices, workers, device), workers):
            yield to_device(inputs, device), to_device(targets, device)  # type: ignore[misc]  # of the same types


class ReadAhead(Generic[AnyBatch]):
    """Batches by number, read ahead in order: any other than the next one starts new processes. See `loaded`."""

    def __init__(self, batches: Dataset[AnyBatch], workers: int, device: torch.device, batch_bytes: int) -> None:
        self._from = lambda index: loaded(batches, count(index), workers, device, batch_bytes)
        self._next = -1
        self._ahead: Iterator[AnyBatch] = iter(())

    def batch(self, index: int) -> AnyBatch:
        """Batch `index`, moved to the device."""
        if index != self._next:
            self._ahead = self._from(index)
        batch = next(self._ahead)
        self._next = index + 1
        return batch


def _loader(batches: Dataset[Any], indices: Iterable[int], workers: int, device: torch.device) -> DataLoader[Any]:
    return DataLoader(
        _Caught(batches),
        batch_size=None,
        sampler=indices,
        num_workers=workers,
        timeout=PATIENCE if workers else 0,
        collate_fn=_unchanged,
        pin_memory=device.type == "cuda",
        multiprocessing_context="spawn" if workers else None,  # forking a process with threads may hang
        worker_init_fn=_leave_quietly if workers else None,
        generator=torch.Generator(),  # so that torch's default generator is not used
    )


def _check_shared_memory(workers: int, batch_bytes: int) -> None:
    """Each worker keeps two batches ready, and one is in use."""
    memory = shared_memory()
    needed = (2 * workers + 1) * batch_bytes
    if not workers or memory is None or memory.free >= needed:
        return
    fitting = max(0, (memory.free // batch_bytes - 1) // 2)
    raise DataStalled(
        f"{_processes(workers)} exchange up to {size(needed)} through shared memory, but `{PLACE}` has "
        f"{size(memory.free)} free",
        hint=f"{REMEDY}, or set `workers: {fitting}` in `dataset`",
    )


def _delivered(loader: DataLoader[Any], workers: int) -> Iterator[Batch]:
    """The batches of a loader. Raises the errors among them, and DataStalled for what torch raises of its processes."""
    try:
        items = iter(loader)
    except (PicklingError, AttributeError, TypeError) as error:
        raise BadInput(
            f"the data cannot be sent to {_processes(workers)}: {error}",
            hint="define data set, `collate_fn` and `augment` at the top level of a module, without lambdas and open "
            "files, or set `workers` to 0",
        ) from error
    try:
        for item in items:
            if isinstance(item, PrunesweepError):
                raise item
            yield item
    except RuntimeError as error:
        if "DataLoader" not in str(error) and "Pin memory thread" not in str(error):
            raise
        memory = shared_memory()
        free = f"; `{PLACE}` has {size(memory.free)} free" if memory else ""
        raise DataStalled(
            f"{_processes(workers)} stopped delivering data{free}: {str(error).splitlines()[0]}",
            hint=f"if shared memory is short, {REMEDY}; in a script of yours, start the sweep below "
            '`if __name__ == "__main__":`; else check the disk, or set `workers: 0` in `dataset`',
        ) from error


def _leave_quietly(worker: int) -> None:
    """Exit without C++ cleanup, which occasionally aborts the process while one of its threads still runs."""
    atexit.register(os._exit, 0)


def _unchanged(item: Any) -> Any:
    return item


def _processes(count: int) -> str:
    return "1 loading process" if count == 1 else f"{count} loading processes"
