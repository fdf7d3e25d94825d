"""The answer to a request that cannot be met."""

from __future__ import annotations

from workers.errors import PrunesweepError


def refusal(error: PrunesweepError) -> dict[str, str]:
    """An error as plain data: its message, its hint, and which part of the request it is about."""
    return {"error": error.message, "hint": error.hint, "about": error.about or "network"}
