"""`prunesweep logs`: the log of an attempt, safe to print on a terminal."""

from __future__ import annotations

from orchestrator.planning.select import bare_id
from workers.errors import InputError
from workers.store import Store, layout
from workers.store.logs import attempts
from workers.text import plural, printable

_MOST_BYTES = 1_000_000  # only the end of a longer log is read


def read_log(store: Store, trial: str, attempt: int | None = None, tail: int | None = None) -> str:
    """The log of an attempt (default: the latest) at a trial, given by its id or the beginning of it.

    Only the last megabyte of a longer one, and only the last `tail` lines if given; control characters are shown as
    their codes. Raises InputError for a trial or an attempt without a log.
    """
    name = _trial_id(store, bare_id(trial))
    numbers = attempts(store.files, name)
    if not numbers:
        raise InputError(f"trial `{name}` has no log")
    if attempt is not None and attempt not in numbers:
        listed = ", ".join(map(str, numbers))
        raise InputError(f"trial `{name}` has no log of attempt {attempt}", hint=f"it has logs of {listed}")
    data = store.files.tail(layout.log_path(name, attempt or numbers[-1]), _MOST_BYTES)
    lines = printable(data.decode("utf-8", "replace"), kept="\n\t").splitlines()
    return "\n".join(lines if tail is None else lines[max(0, len(lines) - tail) :])


def _trial_id(store: Store, beginning: str) -> str:
    """The only trial with a log whose id begins so. Raises InputError if not exactly one does."""
    trials = [name for name in store.files.names(layout.LOGS) if name.startswith(beginning)] if beginning else []
    if beginning in trials:
        return beginning
    if len(trials) == 1:
        return trials[0]
    if trials:
        raise InputError(
            f"{plural(len(trials), 'trial')} begin with `{beginning}`", hint=f"use a longer prefix: `{trials[0]}`"
        )
    raise InputError(
        f"store `{store.location}` has no log of trial `{beginning}`", hint="`prunesweep status` lists failed trials"
    )
