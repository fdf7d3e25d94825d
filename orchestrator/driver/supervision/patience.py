"""How long a driver is waited for: what it waits for may be gone, and then nobody but its supervisor can end it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from orchestrator.driver.on_ray.address import answers, listens
from orchestrator.driver.situation import Situation
from orchestrator.driver.supervision.children import children
from orchestrator.driver.supervision.endings import DIED, DriverEnding

CONNECT_SECONDS = 15.0
"""How long connecting to a cluster may take that has answered."""

START_SECONDS = 60.0
"""How long a local Ray may take to start."""

LEAVE_SECONDS = 30.0
"""How long a driver may take to end after a signal, where no trial has to save its state."""

SILENT_SECONDS = 10.0
"""How long Ray may not listen before it counts as dead: a network may fail for a moment."""

_ANSWER_SECONDS = 5.0
_STALE_SECONDS = 5.0  # after a signal, or a part of Ray has died: connecting then is pointless


_RAY = frozenset(("gcs_server", "raylet"))
"""What a local Ray cannot live without: the driver starts both, and waits in vain for one that has died."""


class Patience:
    """Decides when a `driver` (its process id) has to be killed, from how its situation and the signals develop."""

    def __init__(self, driver: int) -> None:
        self._driver = driver
        self._started: set[str] = set()
        self._whole_at = time.monotonic()
        self._since = time.monotonic()
        self._situation = Situation()
        self._listened = self._since

    def exhausted(self, situation: Situation, heard: Sequence[int]) -> DriverEnding | None:
        """How the run ends if the driver cannot come to an end by itself, else None. May take some seconds."""
        now = time.monotonic()
        if (situation.connecting, situation.ray) != (self._situation.connecting, self._situation.ray):
            self._since = self._listened = self._whole_at = now
        self._situation = situation
        if situation.connecting:
            return self._unconnected(now - self._since, heard)
        if situation.ray:
            return self._without_ray(now) if not heard else _unable_to_save(situation, heard[-1])
        return None

    def _unconnected(self, waited: float, heard: Sequence[int]) -> DriverEnding | None:
        local = self._situation.connecting == "local"
        if heard and waited > _STALE_SECONDS:
            return DriverEnding(128 + heard[-1], "Interrupted")
        if local and self._has_lost_ray():
            return DriverEnding(DIED, "error: Ray has died while it started")
        if local and waited > START_SECONDS:
            return DriverEnding(DIED, f"error: Ray has not started within {START_SECONDS:.0f} s")
        if not local and waited > CONNECT_SECONDS:
            place, seconds = self._situation.connecting, f"{CONNECT_SECONDS:.0f} s"
            return DriverEnding(DIED, f"error: cannot connect to the Ray cluster at `{place}` within {seconds}")
        return None

    def _has_lost_ray(self) -> bool:
        """Whether a part of a local Ray has been dead for so long that the driver does not notice by itself."""
        now, parts = time.monotonic(), children(self._driver)
        self._started |= parts.keys() & _RAY
        if all(parts.get(name) for name in self._started):
            self._whole_at = now
        return now - self._whole_at > _STALE_SECONDS

    def _without_ray(self, now: float) -> DriverEnding | None:
        if listens(self._situation.ray):
            self._listened = now
        if now - self._listened < SILENT_SECONDS:
            return None
        return DriverEnding(DIED, f"error: Ray has died, or {self._situation.ray} cannot be reached")


def _unable_to_save(situation: Situation, number: int) -> DriverEnding | None:
    """The ending if trials that a signal has stopped cannot save their states any more."""
    reason = None
    if not listens(situation.ray):
        reason = "Ray has stopped as well"
    elif not answers(situation.ray, _ANSWER_SECONDS):
        reason = "Ray does not answer, so running trials cannot be stopped"
    elif not _store_answers(situation.store):
        reason = f"store `{situation.store}` does not answer, so running trials cannot save their states"
    return None if reason is None else DriverEnding(128 + number, f"Interrupted: {reason}")


def _store_answers(location: str) -> bool:
    from workers.store.filesystems.opening import open_files
    from workers.store.layout import MARKER
    from workers.waiting import NoAnswer, within

    try:
        within(_ANSWER_SECONDS, lambda: open_files(location).exists(MARKER))
    except NoAnswer:
        return False
    except OSError:
        pass  # it answers
    return True
