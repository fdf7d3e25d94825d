"""Many intervals at once: one call to scipy for all samples of a size, which is what a page of thousands needs."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from orchestrator.results.intervals import (
    CONFIDENCE,
    FEWEST_FOR_BOOTSTRAP,
    FEWEST_FOR_T,
    Interval,
    Method,
    interval,
)

_EQUAL = 1e-9  # values that do not differ, rounding aside: a t test has nothing to divide by


def intervals(samples: Sequence[Sequence[float] | None]) -> list[Interval | None]:
    """`orchestrator.results.intervals.interval` of each sample; null where a sample is null or empty."""
    results: list[Interval | None] = [None] * len(samples)
    by_size: dict[int, list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        if sample:
            by_size[len(sample)].append(index)
    for size, indices in by_size.items():
        if FEWEST_FOR_T <= size < FEWEST_FOR_BOOTSTRAP:
            _by_t(samples, indices, size, results)
        else:
            for index in indices:
                results[index] = interval(samples[index] or ())
    return results


def _by_t(
    samples: Sequence[Sequence[float] | None], indices: Sequence[int], size: int, results: list[Interval | None]
) -> None:
    import numpy as np
    from scipy import stats

    values = np.array([samples[index] for index in indices])
    means = values.mean(axis=1)
    varied = np.ptp(values, axis=1) > _EQUAL
    bounds = np.stack([means, means])
    if varied.any():
        with _nearly_equal_values():
            test = stats.ttest_1samp(values[varied], 0.0, axis=1)
            bounds[:, varied] = np.stack(test.confidence_interval(CONFIDENCE))
    for row, index in enumerate(indices):
        low, high = bounds[:, row]
        results[index] = Interval(float(low), float(means[row]), float(high), size, "t")


def independent_intervals(
    samples: Sequence[tuple[Mapping[int, float], Mapping[int, float]]],
) -> list[Interval | None]:
    """The mean of each first sample minus that of its second, with Welch's interval; null for an empty sample."""
    import numpy as np
    from scipy import stats

    results: list[Interval | None] = [None] * len(samples)
    by_size: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, (ours, theirs) in enumerate(samples):
        if ours and theirs:
            by_size[len(ours), len(theirs)].append(index)
    for sizes, indices in by_size.items():
        first, second = (np.array([list(samples[index][side].values()) for index in indices]) for side in (0, 1))
        means = first.mean(axis=1) - second.mean(axis=1)
        bounds = np.stack([means, means])
        varied = (np.ptp(first, axis=1) > _EQUAL) | (np.ptp(second, axis=1) > _EQUAL)
        if min(sizes) >= FEWEST_FOR_T and varied.any():
            with _nearly_equal_values():
                test = stats.ttest_ind(first[varied], second[varied], axis=1, equal_var=False)
                bounds[:, varied] = np.stack(test.confidence_interval(CONFIDENCE))
        for row, index in enumerate(indices):
            low, high = (None, None) if min(sizes) < FEWEST_FOR_T else map(float, bounds[:, row])
            method: Method = "points" if low is None else "welch"
            results[index] = Interval(low, float(means[row]), high, min(sizes), method)
    return results


@contextmanager
def _nearly_equal_values() -> Iterator[None]:
    """Without scipy's warning that an interval of equal values has no length: replicates can score the same."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
        yield
