"""How long trials took, and when and where they ran."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from orchestrator.results.page.canvas import INK, MUTED, TEXT, Ink, canvas, name_axes, shortened
from orchestrator.results.page.grids import Record
from orchestrator.results.page.tables import DataTable
from orchestrator.results.page.views.view import View
from workers.techniques import DENSE, in_order
from workers.text import duration, plural

_MOST_DOTS = 300
_MOST_LANES = 40
_GAP = 1 / 600  # of the whole time: bars closer than this are drawn as one


@dataclass(frozen=True, slots=True)
class Ran:
    """A trial as its last record has it: training and evaluation in seconds, and the attempt that finished it."""

    technique: str
    seconds: float
    host: str
    started: datetime
    finished: datetime


def trials_of(rows: Iterable[Record]) -> list[Ran]:
    """Each trial once, by its latest stop; trials without times are left out."""
    latest: dict[str, Record] = {}
    for row in rows:
        if row.get("wall_seconds") is not None and row.get("started_at") and row.get("finished_at"):
            known = latest.get(row["trial"])
            if known is None or known["step"] < row["step"]:
                latest[row["trial"]] = row
    return [
        Ran(row["technique"], row["wall_seconds"], str(row["host"]), row["started_at"], row["finished_at"])
        for row in latest.values()
    ]


def time_view(ran: Sequence[Ran], ink: Ink) -> View:
    """Seconds of each trial, by technique."""
    title = "Time of a trial"
    reading = (
        "Each dot is one trial: the time of its training and evaluation, over all its attempts. The line marks the "
        "median of the technique. For a technique with more than "
        f"{plural(_MOST_DOTS, 'trial')}, {_MOST_DOTS:,} evenly spaced ones are drawn."
    )
    if not ran:
        return View(title, reading, missing="The results do not say how long trials took.")
    by_technique: dict[str, list[float]] = defaultdict(list)
    for trial in ran:
        by_technique[trial.technique].append(trial.seconds)
    techniques = [name for name in [DENSE, *in_order(by_technique.keys() - {DENSE})] if name in by_technique]
    times = {technique: sorted(by_technique[technique]) for technique in techniques}
    return View(title, reading, [_time_figure(times, ink)], tables=[_time_table(times)])


def _time_figure(times: dict[str, list[float]], ink: Ink) -> str:
    figure, axes = canvas(620, 60 + 34 * len(times), left=170)
    axes.set_xscale("log")
    axes.grid(visible=False)
    for height, (technique, seconds) in enumerate(reversed(times.items())):
        look = ink.looks.get(technique)
        color, shown = look.color if look else INK, _thinned(seconds)
        offsets = [height + 0.2 * ((number % 5) - 2) / 2 for number in range(len(shown))]
        group = f" {ink.group(technique)}" if look else ""
        axes.scatter(shown, offsets, s=9, color=color, linewidths=0, alpha=0.5, gid=f"replicates{group}")
        middle = _quantile(seconds, 0.5)
        axes.plot([middle, middle], [height - 0.34, height + 0.34], color=color, linewidth=2.5)
    names = [ink.looks[name].name if name in ink.looks else name for name in reversed(times)]
    axes.set_yticks(range(len(times)), [shortened(name, 26) for name in names], fontsize=TEXT, color=INK)
    axes.set_ylim(-0.6, len(times) - 0.4)
    _name_times(axes, [value for seconds in times.values() for value in seconds])
    name_axes(axes, "time of a trial", "")
    return ink.finish(figure, "Time of a trial by technique", f"{len(times)} rows of dots on a logarithmic axis")


_IN_MINUTES = 600  # seconds: from here on, even neighboring ticks are whole minutes
_TICKS = (0.1, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800)


def _name_times(axes: Any, seconds: Sequence[float]) -> None:
    low, high = max(min(seconds), 0.05) / 1.15, max(seconds) * 1.15
    names = time_ticks(low, high)
    axes.set_xlim(low, high)
    axes.set_xticks(list(names), list(names.values()))
    axes.set_xticks([], minor=True)


def time_ticks(low: float, high: float) -> dict[float, str]:
    """Times between two, in seconds, and their labels: even steps where there are fewer than two round times."""
    from matplotlib.ticker import MaxNLocator

    round_ones = {tick: f"{tick:g} s" if tick < 1 else duration(tick) for tick in _TICKS if low <= tick <= high}
    if len(round_ones) > 1:
        return round_ones
    if high < _IN_MINUTES:
        ticks = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high)
        return {tick: f"{tick:.3g} s" for tick in ticks if low <= tick <= high}
    minutes = MaxNLocator(4, steps=[1, 2, 5, 10], integer=True).tick_values(low / 60, high / 60)
    return {60 * tick: duration(60 * tick) for tick in minutes if low <= 60 * tick <= high}


def _thinned(seconds: Sequence[float]) -> list[float]:
    if len(seconds) <= _MOST_DOTS:
        return list(seconds)
    return [seconds[round(number * (len(seconds) - 1) / (_MOST_DOTS - 1))] for number in range(_MOST_DOTS)]


def _time_table(times: dict[str, list[float]]) -> DataTable:
    rows = [
        [
            technique,
            f"{len(seconds):,}",
            *(
                f"{value:.2f}"
                for value in (seconds[0], *(_quantile(seconds, q) for q in (0.25, 0.5, 0.75)), seconds[-1])
            ),
            duration(sum(seconds)),
        ]
        for technique, seconds in times.items()
    ]
    header = [
        "technique",
        "trials",
        "minimum, s",
        "lower quartile, s",
        "median, s",
        "upper quartile, s",
        "maximum, s",
        "total",
    ]
    return DataTable("Seconds of a trial", header, rows)


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def timeline_view(ran: Sequence[Ran], ink: Ink) -> View:
    """A bar for each trial, in lanes by host."""
    title = "When trials ran"
    reading = (
        "Each bar is a trial, from the start of the attempt that finished it to its last evaluation. A lane is a place "
        "on a host: trials that overlap are in separate lanes, because records name the host and not the "
        "worker. White space is time in which nothing ran, between sweeps or at the end. Bars without a visible gap "
        "are drawn as one."
    )
    if not ran:
        return View(title, reading, missing="The results do not say when and where trials ran.")
    lanes = _lanes(ran)
    rows = [
        [
            name,
            f"{len(trials):,}",
            _clock(trials[0].started),
            _clock(trials[-1].finished),
            duration(sum(_length(trial) for trial in trials)),
        ]
        for name, trials in lanes
    ]
    table = DataTable("Lanes", ["host and lane", "trials", "first start (UTC)", "last end (UTC)", "busy"], rows)
    if len(lanes) > _MOST_LANES:
        reading += f" The first {_MOST_LANES} of {plural(len(lanes), 'lane')} are drawn; the table has all."
    return View(title, reading, [_timeline_figure(lanes[:_MOST_LANES], ink)], tables=[table])


def _clock(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _lanes(ran: Sequence[Ran]) -> list[tuple[str, list[Ran]]]:
    """Trials in lanes of each host, each in the first lane that is free."""
    by_host: dict[str, list[list[Ran]]] = defaultdict(list)
    for trial in sorted(ran, key=lambda trial: (trial.started, trial.finished)):
        lanes = by_host[trial.host]
        free = next((lane for lane in lanes if lane[-1].finished <= trial.started), None)
        if free is None:
            lanes.append([trial])
        else:
            free.append(trial)
    return [
        (f"{host} {number}", lane) for host, lanes in sorted(by_host.items()) for number, lane in enumerate(lanes, 1)
    ]


def _timeline_figure(lanes: Sequence[tuple[str, list[Ran]]], ink: Ink) -> str:
    begin = min(trial.started for _, lane in lanes for trial in lane)
    whole = max((trial.finished - begin).total_seconds() for _, lane in lanes for trial in lane) or 1.0
    figure, axes = canvas(760, 62 + 22 * len(lanes), left=130)
    axes.grid(visible=False)
    for height, (_, lane) in enumerate(reversed(lanes)):
        for technique, bars in _bars(lane, begin, whole * _GAP).items():
            look = ink.looks.get(technique)
            axes.broken_barh(
                bars,
                (height - 0.38, 0.76),
                facecolors=look.color if look else MUTED,
                linewidth=0,
                gid=ink.group(technique) if look else None,
            )
    names = [shortened(name, 18) for name, _ in reversed(lanes)]
    axes.set_yticks(range(len(lanes)), names, fontsize=TEXT - 1, color=INK)
    axes.set_ylim(-0.6, len(lanes) - 0.4)
    axes.set_xlim(0, whole)
    step = next((step for step in _STEPS if whole / step <= _MOST_TICKS), _STEPS[-1])
    ticks = [number * step for number in range(int(whole / step) + 1)]
    axes.set_xticks(ticks, [duration(tick) for tick in ticks])
    name_axes(axes, "time since the first trial began", "")
    return ink.finish(figure, "When trials ran", f"{plural(len(lanes), 'lane')} over {duration(whole)}")


_MOST_TICKS = 6
_STEPS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800)


def _bars(lane: Sequence[Ran], begin: datetime, gap: float) -> dict[str, list[tuple[float, float]]]:
    """(start, length) of the bars of each technique, those without a visible gap joined."""
    bars: dict[str, list[tuple[float, float]]] = defaultdict(list)
    last: Ran | None = None
    for trial in lane:
        start, length = (trial.started - begin).total_seconds(), _length(trial)
        mine = bars[trial.technique]
        joins = last is not None and last.technique == trial.technique and start - sum(mine[-1]) <= gap
        if joins:
            mine[-1] = (mine[-1][0], start + length - mine[-1][0])
        else:
            mine.append((start, length))
        last = trial
    return bars


def _length(trial: Ran) -> float:
    return (trial.finished - trial.started).total_seconds()
