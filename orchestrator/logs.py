"""The logs of attempts, as a terminal may show them."""

from __future__ import annotations

import unicodedata

from workers.errors import InputError
from workers.logs import attempts
from workers.store import Store

_MOST_BYTES = 1_000_000  # of a log: its end

_KEPT = "\n\t"


def read_log(store: Store, trial: str, attempt: int | None = None, tail: int | None = None) -> str:
    """The log of an attempt (default: the latest) at a trial, which the beginning of its id names well enough.

    Only the last megabyte of a huge one, and only the last `tail` lines if given; control characters are written
    out. Raises InputError for a trial or an attempt that has no log.
    """
    name = _find(store, trial)
    numbers = attempts(store.files, name)
    if attempt is not None and attempt not in numbers:
        known = ", ".join(map(str, numbers)) or "none"
        raise InputError(f"trial `{name}` has no log of attempt {attempt}\n\nhint: it has {known}")
    if not numbers:
        raise InputError(f"trial `{name}` has no log")
    data = store.files.tail(f"logs/{name}/{attempt or numbers[-1]:04d}.log", _MOST_BYTES)
    lines = printable(data.decode("utf-8", "replace")).splitlines()
    return "\n".join(lines if tail is None else lines[max(0, len(lines) - tail) :])


def printable(text: str) -> str:
    """Text in which control and formatting characters do nothing: they are shown as their codes."""
    return "".join(character if _is_harmless(character) else _code(character) for character in text)


def _is_harmless(character: str) -> bool:
    return character in _KEPT or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _code(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"


def _find(store: Store, trial: str) -> str:
    found = [name for name in store.files.names("logs") if name.startswith(trial)] if trial else []
    if trial in found or len(found) == 1:
        return trial if trial in found else found[0]
    if found:
        raise InputError(
            f"{len(found):,} trials begin with `{trial}`\n\nhint: give more of its id, such as `{found[0]}`"
        )
    raise InputError(
        f"store `{store.location}` has no log of a trial `{trial}`\n\nhint: `prunesweep status` names those that failed"
    )
