"""Exceptions become the failures that they are."""

from __future__ import annotations

import errno

import numpy as np
import pytest
import torch
from ray.exceptions import RayActorError

from orchestrator.driver.on_ray.lost_worker import killed_for_memory
from workers.errors import BadInput, Diverged, InputError, StoreError
from workers.machine.memory_kills import memory_kills
from workers.store import Store
from workers.store.logs import AttemptLog, latest_outcome
from workers.training import last_words
from workers.training.outcomes import failure_of, is_disk_full, outcome_of
from workers.trial import Stop

MEMORY = [
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate "
    "4000000000000000 bytes. Error code 12 (Cannot allocate memory)",
    "[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes.",
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB",
    "CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA` to enable device-side assertions.",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    "CUDA error: CUSOLVER_STATUS_ALLOC_FAILED when calling `cusolverDnCreate(handle)`",
    "cuFFT error: CUFFT_ALLOC_FAILED",
    "NCCL Error 1: unhandled cuda error: Cuda failure 'out of memory'",
    "unable to mmap 4096 bytes from file </torch_1_2>: Cannot allocate memory (12)",
    "could not allocate a memory object",
    "std::bad_alloc",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "Failed to allocate memory for requested buffer of size 4294967296",
    "DataLoader worker (pid 12) is killed by signal: Killed. ",
]
NOT_MEMORY = [
    "CUDA error: device-side assert triggered",
    "CUDA error: an illegal memory access was encountered",
    "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`",
    "view size is not compatible with input tensor's size and stride",
    "Storage size calculation overflowed with sizes=[4611686018427387904]",
    "shape '[2, 3]' is invalid for input of size 4",
    "DataLoader worker (pid 12) is killed by signal: Segmentation fault. ",
]


@pytest.mark.parametrize("message", MEMORY)
def test_every_form_of_running_out_of_memory_is_out_of_memory(message: str) -> None:
    failure = failure_of(RuntimeError(message), 3)
    assert (failure.outcome, failure.step) == ("out_of_memory", 3)
    assert "`batch_size`" in failure.hint


@pytest.mark.parametrize("message", NOT_MEMORY)
def test_other_errors_of_torch_are_bugs(message: str) -> None:
    assert outcome_of(RuntimeError(message)) == "bug"


def test_allocators_here_run_out_of_memory() -> None:
    for allocate in (lambda: torch.empty(10**15), lambda: np.empty(10**15), lambda: bytearray(10**15)):
        with pytest.raises((RuntimeError, MemoryError)) as raised:
            allocate()
        assert outcome_of(raised.value) == "out_of_memory"


def test_running_out_of_memory_in_the_users_code_is_not_bad_input() -> None:
    error = BadInput("network `net:build` cannot take a batch")
    error.__cause__ = RuntimeError(MEMORY[0])
    assert outcome_of(error) == "out_of_memory"


def test_running_out_of_memory_may_lead_to_another_error() -> None:
    error = ValueError("the block failed")
    error.__context__ = MemoryError()  # raised while it was handled
    assert outcome_of(error) == outcome_of(ExceptionGroup("blocks", [error])) == "out_of_memory"
    error.__suppress_context__ = True  # `raise ... from None`
    assert outcome_of(error) == "bug"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (MemoryError(), "out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "out_of_memory"),
        (OSError(errno.EIO, "Input/output error"), "io"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "my_aux.json"), "bug"),
        (OSError(errno.ENOSPC, "No space left on device"), "io"),
        (StoreError("bucket not found"), "io"),
        (Diverged("the loss is not finite", 4), "diverged"),
        (InputError("unknown optimizer"), "bad_input"),
        (ValueError("out of memory"), "bug"),
    ],
)
def test_the_outcomes_of_other_errors(error: Exception, outcome: str) -> None:
    assert outcome_of(error) == outcome


def test_a_disk_that_the_users_code_fills_is_not_the_store(tmp_path) -> None:
    def raised_by(write) -> OSError:
        with pytest.raises(OSError, match="No space") as caught:
            write()
        return caught.value

    def fill(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = Store(tmp_path / "store", create=True)
    store.files.write = fill
    assert not is_disk_full(raised_by(fill))
    assert is_disk_full(raised_by(lambda: store.states.write_partial(Stop("a", 1), b"")))


@pytest.mark.parametrize(
    ("own", "counter", "content"),
    [
        ("0::/\n", "memory.events", "low 0\noom 1\noom_kill 3\n"),
        ("0::/job/7\n", "job/7/memory.events", "oom_kill 3\noom_group_kill 0\n"),
        ("9:memory:/docker/x\n", "memory/memory.oom_control", "under_oom 0\noom_kill 3\n"),
    ],
)
def test_the_kernel_says_how_often_it_killed_for_memory(tmp_path, own, counter, content) -> None:
    (tmp_path / counter).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / counter).write_text(content)
    (tmp_path / "own").write_text(own)
    assert memory_kills(tmp_path, tmp_path / "own") == 3
    assert memory_kills(tmp_path / "none", tmp_path / "none") is None


@pytest.mark.parametrize(("after", "killed"), [(4, False), (5, True)])
def test_a_worker_that_the_kernel_killed_ran_out_of_memory(tmp_path, monkeypatch, after, killed) -> None:
    store = Store(tmp_path / "store", create=True)
    log = AttemptLog(store.files, "abc")
    log.flush(force=True)
    monkeypatch.setattr(last_words, "memory_kills", lambda: 4)
    path = last_words.printed_path(store.location, log.path)
    path.parent.mkdir(exist_ok=True)
    path.write_text("allocating\n")
    monkeypatch.setattr(last_words, "memory_kills", lambda: after)
    assert last_words.rescue(store.location, log.path) == killed
    assert latest_outcome(store.files, "abc") == ("out_of_memory" if killed else "lost_worker")


def test_what_ray_says_of_a_kill_for_memory_is_told_from_its_list_of_possible_causes() -> None:
    assert killed_for_memory(RayActorError(None, "1 worker(s) were killed due to the node running low on memory."))
    assert not killed_for_memory(RayActorError(None, "(1) the process was killed by the OOM killer due to high memory"))
