"""Every error that prunesweep raises on purpose.

PrunesweepError
├── InputError          what was asked cannot be done; nothing was started (exit code 2)
│   └── InputErrors     several of them
├── StoreError          the store cannot be used (exit code 4)
│   ├── MissingStore    no store at a place
│   └── CorruptFile     one file in it is damaged or foreign
│       ├── NewerFile   ... or made by a newer version
│       └── UnreadableFile  ... or perhaps sound, but cannot be read
├── ClusterLost         Ray or the driver has died; run the command again (exit code 75)
└── TrialError          a trial ended without its result; `outcome` is its class
    ├── Diverged        a loss or a weight is not finite
    ├── TimedOut        it took longer than the sweep allows
    ├── DataStalled     the processes that read data ahead do not deliver them
    └── BadInput        the data, network or parent state is not what the trial was planned with
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, get_args

Outcome = Literal["done", "diverged", "out_of_memory", "lost_worker", "timeout", "io", "bad_input", "bug"]
"""How a trial can end."""

FAILURES: tuple[Outcome, ...] = get_args(Outcome)[1:]
"""The outcomes of failed trials."""

SET_ASIDE = "`prunesweep verify --repair` sets it aside"
"""What to do about a damaged file of a store."""

MAKE_READABLE = "let this user read it, or try again after an outage"
"""What to do about a file of a store that cannot be read: `verify --repair` leaves it in place."""


def with_hint(message: str, hint: str) -> str:
    """A message as people read it: with its hint, if there is one, in a separate paragraph."""
    return f"{message}\n\n{hint_line(hint)}" if hint else message


def hint_line(hint: str) -> str:
    """A hint as people read it."""
    return f"hint: {hint}"


class PrunesweepError(Exception):
    """Base class. `message` says what is wrong, `hint` what to do about it (empty if unknown); str() joins them.

    `about` names the part of a request that is wrong, empty if unknown; `exit_code` is that of a command.
    """

    exit_code: int = 70  # EX_SOFTWARE of sysexits.h

    def __init__(self, message: str, *, hint: str = "", about: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.about = about

    def __str__(self) -> str:
        return with_hint(self.message, self.hint)

    def reports(self) -> list[str]:
        """The texts to print, one for each mistake."""
        return [str(self)]

    def __reduce__(self) -> tuple[Callable[..., PrunesweepError], tuple[Any, ...]]:
        """Pickle whatever the constructor of a subclass takes: errors cross from workers to the driver."""
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[PrunesweepError], args: tuple[Any, ...], attributes: dict[str, Any]) -> PrunesweepError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


@contextlib.contextmanager
def about(part: str) -> Iterator[None]:
    """Note on errors in the block which part of a request they are about, unless they know better."""
    try:
        yield
    except PrunesweepError as error:
        error.about = error.about or part
        raise


class InputError(PrunesweepError):
    """What was asked cannot be done; nothing was started."""

    exit_code = 2


class InputErrors(InputError):
    """Several mistakes, reported at once."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n\n".join(self.reports()))

    def reports(self) -> list[str]:
        return [report for error in self.errors for report in error.reports()]


def raise_all(errors: Sequence[InputError]) -> None:
    """Raise the error, or all of them as one; nothing without any."""
    if errors:
        raise errors[0] if len(errors) == 1 else InputErrors(errors)


@contextlib.contextmanager
def collecting(errors: list[InputError]) -> Iterator[None]:
    """Keep an InputError of the block in a list, to be raised with others."""
    try:
        yield
    except InputError as error:
        errors.append(error)


class StoreError(PrunesweepError):
    """The store cannot be used."""

    exit_code = 4


class MissingStore(StoreError):
    """There is no store at a place."""


class CorruptFile(StoreError):
    """One file of a store is damaged or foreign. `path` is relative to the store, `remedy` what to do about it."""

    remedy = SET_ASIDE

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path

    @property
    def line(self) -> str:
        """The message and the remedy, for a list of such files."""
        return f"{self.message}; {self.remedy}"


class NewerFile(CorruptFile):
    """One file of a store was written by a newer version of prunesweep: not damaged, and never touched."""


class UnreadableFile(CorruptFile):
    """One file of a store cannot be read, such as another user's or in an outage. It may be sound."""

    remedy = MAKE_READABLE


class ClusterLost(PrunesweepError):
    """Ray or the driver has died. What was finished is saved, so the command can be run again."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h


class TrialError(PrunesweepError):
    """A trial ended without its result; `step` where that is known."""

    step: int | None = None
    outcome: Outcome = "bug"


class Diverged(TrialError):
    """A loss or a weight is not finite, at a step (None: before the first)."""

    outcome = "diverged"

    def __init__(self, message: str, step: int | None = None, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.step = step


class TimedOut(TrialError):
    """An attempt took longer than the sweep allows; its state was saved."""

    outcome = "timeout"


class DataStalled(TrialError):
    """The processes that read data ahead do not deliver them."""

    outcome = "io"


class BadInput(TrialError):
    """The data, network or parent state is not what the trial was planned with."""

    outcome = "bad_input"
