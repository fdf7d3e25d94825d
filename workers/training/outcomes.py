"""How exceptions become the failures of trials."""

from __future__ import annotations

import errno
import socket
import traceback
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from workers.errors import InputError, Outcome, PrunesweepError, StoreError, TrialError
from workers.store.failures import Failure

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_MISTAKES = (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.EISDIR)  # if the user's code makes them, a bug
_STORE = "workers.store"
_OURS = (_STORE, "workers.data")  # they read files for a trial: another attempt may succeed

_OUT_OF_MEMORY = (
    "out of memory",  # c10/cuda/CUDACachingAllocator.cpp, and every cudaErrorMemoryAllocation ("CUDA error: ...")
    "cannot allocate memory",  # strerror(ENOMEM), as in c10/core/impl/alloc_cpu.cpp and in shared memory
    "can't allocate memory",  # c10/core/impl/alloc_cpu.cpp: "DefaultCPUAllocator: ..."
    "not enough memory",  # the same on Windows
    "unable to allocate",  # NumPy, where a library has turned its MemoryError into another error
    "could not allocate",  # oneDNN, SciPy
    "failed to allocate",  # Triton, ONNX Runtime
    "allocation failed",  # cuDNN 9: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, and of the device
    "alloc failed",  # aten/src/ATen/cuda/Exceptions.cpp: cuBLAS, cuSPARSE, cuSOLVER and cuDNN; CuFFTUtils.h
    "std::bad alloc",  # C++ libraries: std::bad_alloc
    "killed by signal: killed",  # torch/utils/data: a process that loads data, which only the kernel kills
)
"""What messages of RuntimeErrors say where memory runs out, and where they come from (in torch).

In lower case, and with spaces for underscores: drivers say CUDA_ERROR_OUT_OF_MEMORY, too.
"""

_MEMORY_HINT = "use a smaller `batch_size`, fewer trials at once, or a machine with more memory"


def outcome_of(error: BaseException) -> Outcome:
    """The class of the failure that an exception stands for."""
    if _is_out_of_memory(error):
        return "out_of_memory"
    if isinstance(error, TrialError):
        return error.outcome
    if isinstance(error, InputError):
        return "bad_input"
    if isinstance(error, StoreError):
        return "io"
    if isinstance(error, OSError) and (_passed(error, *_OURS) or error.errno not in _MISTAKES):
        return "io"
    return "bug"


def _passed(error: BaseException, *rooms: str) -> bool:
    """Whether an exception was raised in code that one of these rooms called."""
    names = (frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(name == room or name.startswith(f"{room}.") for name in names for room in rooms)


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, here or in an error that led to this one."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, without importing it
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if isinstance(error, RuntimeError) and _says_out_of_memory(str(error)):
        return True
    return any(_is_out_of_memory(earlier) for earlier in _earlier(error))


def _says_out_of_memory(message: str) -> bool:
    words = message.lower().replace("_", " ")
    return any(text in words for text in _OUT_OF_MEMORY)


def _earlier(error: BaseException) -> Sequence[BaseException]:
    """The errors of a group; else the error that another was raised from, or while it was handled."""
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions
    earlier = error.__cause__ if error.__suppress_context__ else error.__context__
    return () if earlier is None else (earlier,)


def is_disk_full(error: BaseException) -> bool:
    """Whether an attempt ended because the store is full, which says nothing about its trial.

    The user's code may fill another disk.
    """
    return isinstance(error, OSError) and error.errno in _DISK_FULL and _passed(error, _STORE)


def failure_of(error: BaseException, step: int | None, log: str | None = None) -> Failure:
    """The failure of an attempt that an exception ended, at the exception's step or else at `step`.

    `log` is the path of the attempt's log. Unexpected exceptions keep their traceback.
    """
    step_of_error = getattr(error, "step", None)
    failure = Failure(
        outcome=outcome_of(error),
        reason=f"{type(error).__name__}: {error}",
        step=step if step_of_error is None else step_of_error,
        host=socket.gethostname(),
        at=_now(),
        log=log,
    )
    if isinstance(error, PrunesweepError):
        return replace(failure, reason=error.message, hint=error.hint)
    if failure.outcome == "out_of_memory":
        failure = replace(failure, hint=_MEMORY_HINT)
    return replace(failure, traceback="".join(traceback.format_exception(error)))


def lost_worker(step: int | None) -> Failure:
    """The failure of a trial whose worker process or machine is gone."""
    reason = "the worker was lost: it was killed, it crashed, or its machine is gone"
    return Failure(outcome="lost_worker", reason=reason, step=step, at=_now())


def killed_worker(step: int | None) -> Failure:
    """The failure of a trial whose worker process was killed because memory ran out."""
    reason = "the worker was killed: its machine, container or batch job ran out of memory"
    return Failure(outcome="out_of_memory", reason=reason, hint=_MEMORY_HINT, step=step, at=_now())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
