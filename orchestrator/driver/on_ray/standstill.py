"""Notices attempts that do not report any longer, and that no trial runs although one should."""

from __future__ import annotations

import time
from collections.abc import Callable

SILENT_SECONDS = 600.0
STALL_SECONDS = 300.0

SILENT = (
    f"has not reported for {SILENT_SECONDS / 60:.0f} min; it may hang "
    "(`limits: {trial_timeout: 3h}` in the sweep file ends such a trial and tries it again)"
)
"""What is said of a trial whose attempt is silent."""


class Standstill:
    """Since when each attempt has been silent, and since when no trial has run although one should."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._heard: dict[str, float] = {}
        self._moved = clock()

    def heard(self, attempt: str) -> None:
        """An attempt has begun, or has reported."""
        self._heard[attempt] = self._clock()

    def ended(self, attempt: str) -> None:
        """An attempt has ended."""
        self._heard.pop(attempt, None)

    def moved(self) -> None:
        """A trial runs, or none has to."""
        self._moved = self._clock()

    @property
    def is_stalled(self) -> bool:
        """Whether no trial has run for `STALL_SECONDS` although one should."""
        return self._clock() - self._moved > STALL_SECONDS

    def silent(self) -> list[str]:
        """The attempts that have not reported for `SILENT_SECONDS`. Each is named once."""
        now = self._clock()
        attempts = [attempt for attempt, since in self._heard.items() if now - since > SILENT_SECONDS]
        for attempt in attempts:
            self.ended(attempt)
        return attempts
