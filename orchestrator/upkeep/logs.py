"""`prunesweep logs`: the log of an attempt, safe to print on a terminal."""

from __future__ import annotations

from datetime import datetime

from orchestrator.planning.select import bare_id
from workers.errors import CorruptFile, InputError
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
    if not numbers and attempt in (None, 1):
        text = _told_by_record(store, name)
    elif attempt is not None and attempt not in numbers:
        listed = ", ".join(map(str, numbers))
        hint = f"it has logs of {listed}" if numbers else "omit `--attempt`: no attempt has one"
        raise InputError(f"trial `{name}` has no log of attempt {attempt}", hint=hint)
    else:
        text = store.files.tail(layout.log_path(name, attempt or numbers[-1]), _MOST_BYTES).decode("utf-8", "replace")
    lines = printable(text, kept="\n\t").splitlines()
    return "\n".join(lines if tail is None else lines[max(0, len(lines) - tail) :])


def _told_by_record(store: Store, trial: str) -> str:
    """What the log of an attempt would say that was done at once, with nothing to log.

    Raises InputError for a trial that has no readable record either.
    """
    keys = [key for key in store.records.all_keys() if key.trial == trial]
    try:
        last = max(keys, key=lambda key: key.step)
        [row] = store.records.read(layout.record_path(last)).to_pylist()
    except (ValueError, CorruptFile, FileNotFoundError) as error:
        raise InputError(f"trial `{trial}` has no log") from error
    return (
        f"{_second(row['started_at'])} attempt {row['attempts']} at trial {trial} begins: host {row['host']}\n"
        f"{_second(row['finished_at'])} ends: done at step {last.step:,}"
    )


def _second(time: datetime | None) -> str:
    return "(unknown)" if time is None else time.isoformat(timespec="seconds")


def _trial_id(store: Store, beginning: str) -> str:
    """The only trial with a log or a record whose id begins so. Raises InputError if not exactly one does."""
    ids = {*store.files.names(layout.LOGS), *(key.trial for key in store.records.all_keys())} if beginning else set()
    trials = sorted(name for name in ids if name.startswith(beginning))
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
