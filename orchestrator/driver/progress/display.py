"""What people see while a sweep runs, on stderr: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.text import Text

from orchestrator.driver.progress.standing import Standing, end_line, retry_line
from orchestrator.tracking.events import Event, SweepStalled, TrialEnded, TrialRetried
from workers.machine.terminal import outliving_terminal, say

_PLAIN_SECONDS = 15.0
_REDRAW_SECONDS = 0.25


class Display:
    """Shows how a run stands, and a line that stays for each trial that has ended. `quiet`: only warnings.

    `with_place` names the network and the recipe in each line: the sweep has several.
    """

    def __init__(self, *, quiet: bool = False, with_place: bool = False, console: Console | None = None) -> None:
        self._quiet = quiet
        self._with_place = with_place
        self._console = console or Console(file=sys.stderr, highlight=False)  # also while a trial prints to its log
        self._live: Live | None = None
        self._shown = float("-inf")

    @outliving_terminal()
    def start(self, standing: Callable[[], Standing]) -> None:
        """Begin to show what `standing` returns."""
        if self._console.is_terminal and not self._quiet:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._show(standing)

    def tick(self, standing: Callable[[], Standing]) -> None:
        """Show again how the run stands, if that is due."""
        interval = _REDRAW_SECONDS if self._live else _PLAIN_SECONDS
        if time.monotonic() - self._shown >= interval:
            self._show(standing)

    @outliving_terminal()
    def stop(self, standing: Callable[[], Standing]) -> None:
        """Show how the run stands for the last time."""
        self._show(standing)
        if self._live:
            self._live.stop()

    def hear(self, event: Event) -> None:
        """See `Listener`."""
        if isinstance(event, TrialEnded):
            self.say(end_line(event, with_place=self._with_place))
        elif isinstance(event, TrialRetried):
            self.say(retry_line(event))
        elif isinstance(event, SweepStalled) and not event.fatal:  # an error follows a fatal one
            self.warn(event.reason)

    def say(self, message: str) -> None:
        """Print a permanent line above the display."""
        if not self._quiet:
            self.warn(message)

    @outliving_terminal()
    def warn(self, message: str) -> None:
        """Print a permanent line above the display, even if the display is quiet."""
        self._console.print(message, markup=False, soft_wrap=True)

    @outliving_terminal()
    def _show(self, standing: Callable[[], Standing]) -> None:
        self._shown = time.monotonic()
        if self._quiet:
            return
        if self._live:
            self._live.update(_Lines(standing(), self._with_place), refresh=True)
        else:
            say(standing().line())


class _Lines:
    """A standing as wide as the terminal is."""

    def __init__(self, standing: Standing, with_place: bool) -> None:
        self._standing, self._with_place = standing, with_place

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        lines = [Text(self._standing.bar_line(width))]
        lines += [Text(line, style="dim") for line in self._standing.trial_lines(width, with_place=self._with_place)]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        yield Group(*lines)
