"""How a trial can end, and what is noted of one that failed."""

from __future__ import annotations

import errno
import socket
import traceback
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from workers.errors import InputError, PrunesweepError, StoreError, TrialError

Outcome = Literal["done", "diverged", "out_of_memory", "lost_worker", "timeout", "io", "bad_input", "bug"]
FAILURES: tuple[Outcome, ...] = get_args(Outcome)[1:]

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def outcome_of(error: BaseException) -> Outcome:
    """The class of a failure."""
    if isinstance(error, TrialError):
        return error.outcome
    if isinstance(error, InputError):
        return "bad_input"
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, without importing it
        return "out_of_memory"
    if isinstance(error, OSError | StoreError):
        return "io"
    return "bug"


def is_disk_full(error: BaseException) -> bool:
    """Whether a failure says nothing about the trial: there was no room to write its results."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL


def failure_of(error: BaseException, step: int | None) -> dict[str, Any]:
    """What is kept of a failure: JSON data with the outcome, the reason, where and when, and the traceback of a bug."""
    outcome = outcome_of(error)
    reason = str(error) if isinstance(error, PrunesweepError) else f"{type(error).__name__}: {error}"
    return {
        "outcome": outcome,
        "reason": reason,
        "step": at if (at := getattr(error, "step", None)) is not None else step,
        "host": socket.gethostname(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "traceback": None if isinstance(error, PrunesweepError) else "".join(traceback.format_exception(error)),
    }


def lost_worker(step: int | None) -> dict[str, Any]:
    """The failure of a trial whose worker process or machine went away."""
    return {
        "outcome": "lost_worker",
        "reason": "its worker was lost (killed, crashed, or its machine went away)",
        "step": step,
        "host": None,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "traceback": None,
    }
