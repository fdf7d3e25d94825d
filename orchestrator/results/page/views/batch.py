"""Intervals of many samples, some of which have no value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.results.intervals import Interval, independent_difference, interval


def intervals(samples: Sequence[Sequence[float] | None]) -> list[Interval | None]:
    """The interval of each sample; null where a sample is null or empty."""
    return [interval(sample) if sample else None for sample in samples]


def independent_intervals(
    samples: Sequence[tuple[Mapping[int, float], Mapping[int, float]]],
) -> list[Interval | None]:
    """The mean of each first sample minus that of its second, with Welch's interval; null for an empty sample."""
    return [
        independent_difference(list(ours.values()), list(theirs.values())) if ours and theirs else None
        for ours, theirs in samples
    ]
