"""Tells those who wait for the end of a sweep that its driver has died without telling them."""

from __future__ import annotations

from collections import Counter

from orchestrator.driver.situation import Situation
from orchestrator.driver.supervision.endings import DriverEnding
from orchestrator.planning.cells import read_kept
from orchestrator.tracking.audience import audience
from orchestrator.tracking.events import SweepEnded
from workers.store import Store
from workers.store.record_parsing import record_keys
from workers.waiting import within

_STORE_SECONDS = 5.0


def announce(situation: Situation, ending: DriverEnding, seconds: float) -> None:
    """Notify, and run the command for the end, after so many seconds of a run. Raises what the store raises."""
    with audience(notify=situation.notify or None, on_end=situation.on_end or None) as listeners:
        event = _event(situation, ending, seconds)
        for listener in listeners:
            listener.hear(event)


def _event(situation: Situation, ending: DriverEnding, seconds: float) -> SweepEnded:
    try:
        cells, done, failed = within(_STORE_SECONDS, lambda: _counts(situation))
    except Exception:  # whatever is wrong with the store, the sweep has ended
        cells, done, failed = 0, 0, {}
    return SweepEnded(
        sweep=situation.sweep,
        store=situation.store,
        exit_code=ending.code,
        cells=cells,
        cells_done=done,
        failed=failed,
        seconds=seconds,
        reason=ending.words.partition("\n")[0].removeprefix("error: "),
    )


def _counts(situation: Situation) -> tuple[int, int, dict[str, int]]:
    """The cells of the newest sweep of the name, how many of them are done, and its failed trials by outcome."""
    store = Store(situation.store)
    [kept] = read_kept(store, store.sweeps.named(situation.sweep)[-1:])[0].values()
    cells, records = record_keys(kept.cells), store.records.all_keys()
    trials = {cell.trial for cell in cells}
    failures = {trial: failure for trial, failure in store.failures.read_all().items() if trial in trials}
    done = sum(cell in records for cell in cells)
    return len(cells), done, dict(Counter(failure.outcome for failure in failures.values()))
