"""Disk space of the store: trials start only if their states will fit. A store that is full or fails pauses a sweep."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from workers.store.filesystems.files import Files
from workers.text import duration, size

PAUSES = (5.0, 10.0, 20.0, 40.0, 80.0)
"""Seconds to wait after each discovery in a row that the store is full or fails; after the last the sweep ends."""

MARGIN = 64_000_000
"""Bytes that records, logs and other users of the disk may take while a trial runs: none starts with less."""


class Room:
    """Whether the store has room. `needs` are the bytes that each trial may hold; `say` tells what pauses, and why."""

    def __init__(
        self,
        files: Files,
        needs: Mapping[str, int],
        say: Callable[[str, str], None],
        *,
        pauses: tuple[float, ...] = PAUSES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.problem: str | None = None
        self._files = files
        self._needs = needs
        self._say = say
        self._pauses = pauses
        self._clock = clock
        self._paused_until = 0.0
        self._tries = 0
        self._waiting = False

    @property
    def paused(self) -> bool:
        """Whether no trial may start for now."""
        return self.problem is not None or self._clock() < self._paused_until

    def fits(self, trial: str, running: Collection[str]) -> bool:
        """Whether a trial may start next to the running ones. If it may not and none runs, the sweep pauses."""
        try:
            free = self._files.free_bytes()
        except OSError as error:
            self.failed(str(error))
            return False
        need = sum(self._needs[holder] for holder in {trial, *running}) + MARGIN
        if free is None or free >= need:
            self._waiting = False
            return True
        reason = f"the next trial needs {size(need)} and {size(free)} are free"
        if not running:
            self.full(reason)
        elif not self._waiting:
            self._waiting = True
            self._say("no_room", f"Low disk space in the store: {reason}; waiting for running trials to finish")
        return False

    def full(self, reason: str) -> None:
        """Something could not be written: pause, longer each time, and end the sweep after the last pause."""
        self._pause("no_room", f"no room in the store: {reason}")

    def failed(self, reason: str) -> None:
        """The store cannot be read or written: pause as for `full`."""
        self._pause("store_failed", f"the store cannot be used: {reason}")

    def _pause(self, kind: str, problem: str) -> None:
        if self.paused:
            return
        if self._tries == len(self._pauses):
            self.problem = problem
            return
        pause = self._pauses[self._tries]
        self._tries += 1
        self._paused_until = self._clock() + pause
        self._say(kind, f"{problem[0].upper()}{problem[1:]}; trying again in {duration(pause)}")

    def written(self) -> None:
        """A trial has written its results: the next pause is a short one again."""
        self._tries = 0
