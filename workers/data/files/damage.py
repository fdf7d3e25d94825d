"""Images and folders that cannot be read; images are reported all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from workers.errors import BadInput, InputError

_MOST_NAMES = 10
_RESTORE = "restore these files, or remove them from the data set"


def refuse_damaged(errors: Sequence[BadInput]) -> None:
    """Raise BadInput with the first ten of some errors and their number, if there are any; hints are those of all."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise BadInput(
            f"{len(errors):,} images cannot be read:\n{listed([error.message for error in errors])}",
            hint="; ".join(dict.fromkeys(error.hint or _RESTORE for error in errors)),
        )


def refuse_folder(error: OSError) -> NoReturn:
    """Raise InputError for a folder that cannot be listed: its images would be left out."""
    raise InputError(
        f"cannot read images in `{error.filename}`: {error.strerror}",
        hint="let this user read the folder, or remove it from the data set",
    ) from error


def listed(lines: Sequence[str]) -> str:
    """Up to ten lines, indented, and how many more there are."""
    rest = len(lines) - _MOST_NAMES
    shown = [f"  {line}" for line in lines[:_MOST_NAMES]]
    return "\n".join([*shown, f"  and {rest:,} more"] if rest > 0 else shown)
