"""How a command ended whose driver has ended: its exit code, and the last words if the driver had none."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.driver.situation import Situation, with_remedy
from workers.errors import ClusterLost, PrunesweepError

DIED = ClusterLost.exit_code
"""The exit code if Ray or the driver has died."""

SPOKEN = frozenset({0, 2, 3, 4, PrunesweepError.exit_code, DIED, 129, 130, 141, 143})
"""The exit codes with which a driver ends after it has said why. The README lists them."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class DriverEnding:
    """An exit code, and what is to be said; empty if the driver has said it."""

    code: int
    words: str = ""


def ending_of(
    code: int, situation: Situation, heard: Sequence[int] = (), killed: DriverEnding | None = None
) -> DriverEnding:
    """How a command ended whose driver ended with `code`: an exit code, or minus the number of the signal.

    `heard` are the signals that the supervisor has passed on; `killed` is why it has killed the driver, if it has.
    """
    if killed is not None and code < 0:
        log = situation.log if killed.code == DIED else ""
        return DriverEnding(killed.code, with_remedy(killed.words, situation, log=log))
    if code in SPOKEN:
        return DriverEnding(code)
    if number := _interruption(code, heard):
        return DriverEnding(128 + number, with_remedy("Interrupted", situation))
    return DriverEnding(DIED, with_remedy(f"error: {_cause(code, situation)}", situation, log=situation.log))


def _interruption(code: int, heard: Sequence[int]) -> int | None:
    """The signal that ended the driver, if one did that asks for an end."""
    if heard:
        return heard[-1]
    return -code if -code in _SIGNALS else None


def _cause(code: int, situation: Situation) -> str:
    if code == -signal.SIGKILL:
        return "the driver was killed (SIGKILL), perhaps because the machine ran out of memory"
    if code < 0:
        return f"the driver crashed ({signal.Signals(-code).name})"
    if situation.connecting or situation.ray:
        return "Ray has died, and the driver with it"
    return f"the driver exited without a message (exit code {code})"
