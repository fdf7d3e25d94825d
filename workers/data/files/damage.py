"""Images that cannot be read, reported all at once."""

from __future__ import annotations

from collections.abc import Sequence

from workers.errors import BadInput

_MOST_NAMES = 10


def refuse_damaged(errors: Sequence[BadInput]) -> None:
    """Raise BadInput with the first ten of some errors and their number, if there are any."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise BadInput(
            f"{len(errors):,} images cannot be read:\n{listed([error.message for error in errors])}",
            hint="restore these files, or remove them from the data set",
        )


def listed(lines: Sequence[str]) -> str:
    """Up to ten lines, indented, and how many more there are."""
    rest = len(lines) - _MOST_NAMES
    shown = [f"  {line}" for line in lines[:_MOST_NAMES]]
    return "\n".join([*shown, f"  and {rest:,} more"] if rest > 0 else shown)
