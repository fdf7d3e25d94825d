"""The logs of attempts, as a terminal may show them."""

from __future__ import annotations

from workers.errors import InputError
from workers.store.logs import attempts
from workers.store.store import Store
from workers.text import printable

_MOST_BYTES = 1_000_000  # of a log: its end


def read_log(store: Store, trial: str, attempt: int | None = None, tail: int | None = None) -> str:
    """The log of an attempt (default: the latest) at a trial, which the beginning of its id names well enough.

    Only the last megabyte of a huge one, and only the last `tail` lines if given; control characters are written
    out. Raises InputError for a trial or an attempt that has no log.
    """
    name = _find(store, trial)
    numbers = attempts(store.files, name)
    if attempt is not None and attempt not in numbers:
        known = ", ".join(map(str, numbers)) or "none"
        raise InputError(f"trial `{name}` has no log of attempt {attempt}", hint=f"it has {known}")
    if not numbers:
        raise InputError(f"trial `{name}` has no log")
    data = store.files.tail(f"logs/{name}/{attempt or numbers[-1]:04d}.log", _MOST_BYTES)
    lines = printable(data.decode("utf-8", "replace"), kept="\n\t").splitlines()
    return "\n".join(lines if tail is None else lines[max(0, len(lines) - tail) :])


def _find(store: Store, trial: str) -> str:
    found = [name for name in store.files.names("logs") if name.startswith(trial)] if trial else []
    if trial in found or len(found) == 1:
        return trial if trial in found else found[0]
    if found:
        raise InputError(
            f"{len(found):,} trials begin with `{trial}`", hint=f"give more of its id, such as `{found[0]}`"
        )
    raise InputError(
        f"store `{store.location}` has no log of a trial `{trial}`", hint="`prunesweep status` names those that failed"
    )
