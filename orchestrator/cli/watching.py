"""`status --watch`: the status again and again, until nothing drives the store any longer."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workers.store.lease import EXPIRY

if TYPE_CHECKING:
    from orchestrator.upkeep.status import Status

_SHARE = 4  # reading a large store takes at most one part in so many of the time


def watch(
    read: Callable[[], Status],
    show: Callable[[Status], str],
    seconds: float,
    sleep: Callable[[float], None] | None = None,
) -> Status:
    """Show the status every so many seconds; returns the last one, which the caller shows.

    On a terminal the text is drawn in place, elsewhere it is printed again whenever it has changed.
    """
    statuses = _statuses(read, seconds, sleep or time.sleep)
    return _on_terminal(statuses, show) if sys.stdout.isatty() else _in_lines(statuses, show)


def _statuses(read: Callable[[], Status], seconds: float, sleep: Callable[[float], None]) -> Iterator[Status]:
    """The status now and from time to time, up to the first one without a driver that shows signs of life."""
    heartbeats = _Heartbeats()
    while True:
        begun = time.monotonic()
        status = read()
        status = heartbeats.noted(status, begun)
        yield status
        if not status.is_driven:
            return
        sleep(max(seconds, (_SHARE - 1) * (time.monotonic() - begun)))


class _Heartbeats:
    """When each lease was last seen to be renewed, by this machine's clock: that of a driver may differ from it."""

    def __init__(self) -> None:
        self._seen: dict[str | None, tuple[tuple[str, int], float]] = {}

    def noted(self, status: Status, now: float) -> Status:
        """A status that was read from `now` on, with the drivers that are silent."""
        for shard, renewal in status.renewals.items():
            if shard not in self._seen or self._seen[shard][0] != renewal:
                self._seen[shard] = (renewal, time.monotonic())
        return replace(status, drivers=[self._with_silence(driver, now) for driver in status.drivers])

    def _with_silence(self, driver: dict[str, Any], now: float) -> dict[str, Any]:
        if driver["silent"] is not None:  # its process is seen to run
            return driver
        return driver | {"silent": now - self._seen[driver["shard"]][1] > EXPIRY}


def _on_terminal(statuses: Iterator[Status], show: Callable[[Status], str]) -> Status:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for last in statuses:
            live.update(Text(show(last)), refresh=True)
    return last


def _in_lines(statuses: Iterator[Status], show: Callable[[Status], str]) -> Status:
    before = None
    for last in statuses:
        text = show(last)
        if last.is_driven and text != before:
            print(text, end="\n\n", flush=True)
        before = text
    return last
