"""The failed trials of a sweep, grouped by cause."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from workers.store.failures import Failure
from workers.text import cut, plural, printable

_LONGEST = 240  # characters of a reason


class FailedTrial(NamedTuple):
    """A failure, how many cells of the sweep it holds up, one of these in words, and their networks and recipes."""

    failure: Failure
    cells_held_up: int
    cell: str
    places: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        held_up = {"cells_held_up": self.cells_held_up, "cell": self.cell, "places": list(self.places)}
        return self.failure.to_json() | held_up


class Cause(NamedTuple):
    """Trials that failed for the same reason, numbers in it aside."""

    trials: dict[str, FailedTrial]

    def lines(self, store: str) -> list[str]:
        """The cause, how many trials and cells it concerns, and the command that prints the first log.

        Without a log, the command prints a reason that is cut.
        """
        failures = [failed.failure for failed in self.trials.values()]
        first = failures[0]
        cells = sum(failed.cells_held_up for failed in self.trials.values())
        concerned = f"{plural(len(self.trials), 'trial')}, {plural(cells, 'cell')} of {self._places()}"
        lines = [
            printable(f"  ✘ {first.outcome}{_steps(failures)}{_repeated(failures)}: {cut(first.first_line, _LONGEST)}"),
            printable(f"    {concerned}"),
        ]
        logged = next((trial for trial, failed in self.trials.items() if failed.failure.log), None)
        if logged:
            return [*lines, f"    prunesweep logs {shlex.quote(store)} {logged}"]
        if len(first.first_line) > _LONGEST:
            return [*lines, f"    prunesweep show {shlex.quote(store)} {next(iter(self.trials))}"]
        return lines

    def _places(self) -> str:
        places = list(dict.fromkeys(place for failed in self.trials.values() for place in failed.places))
        if len(places) <= 3:
            return ", ".join(places)
        return f"{', '.join(places[:2])} and {len(places) - 2} other combinations of network and recipe"


def causes(failures: Mapping[str, FailedTrial]) -> list[Cause]:
    """Failed trials by cause, the one that holds up most cells first."""
    by_cause: dict[tuple[str, str], dict[str, FailedTrial]] = defaultdict(dict)
    for trial, failed in failures.items():
        by_cause[failed.failure.cause][trial] = failed
    grouped = [Cause(trials) for trials in by_cause.values()]
    return sorted(grouped, key=lambda cause: -sum(failed.cells_held_up for failed in cause.trials.values()))


def _steps(failures: Iterable[Failure]) -> str:
    steps = sorted({failure.step for failure in failures if failure.step is not None})
    if not steps:
        return ""
    return f" at step {steps[0]:,}" if len(steps) == 1 else f" at steps {steps[0]:,} to {steps[-1]:,}"


def _repeated(failures: Iterable[Failure]) -> str:
    """How often attempts at a trial failed in the same way, if they were tried again."""
    most: dict[str, int] = {}
    for failure in failures:
        for outcome, count in failure.attempts.items():
            most[outcome] = max(count, most.get(outcome, 0))
    repeated = [f"{count} times {outcome}" for outcome, count in most.items() if count > 1]
    return f" ({', '.join(repeated)})" if repeated else ""
