"""Intervals that cover a mean with 95 % confidence, and the rules of all statistics over replicates.

scipy.stats takes most of a second to import, so it is imported only where an interval is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

CONFIDENCE = 0.95
FEWEST_FOR_T = 3
FEWEST_FOR_BOOTSTRAP = 8
RESAMPLES = 9_999
_SEED = 0  # the same values give the same interval

Method = Literal["points", "t", "bootstrap", "welch"]

RULES = (
    "Replicates are paired: the change of a pruned network is relative to the dense network of the same replicate, and "
    "two techniques are compared within the same replicate.",
    "A cell in which a replicate is missing or failed shows how many are done, such as 2/3, and never a number of the "
    "others.",
    "Medians are shown with the minimum and maximum of the replicates, as in the paper; these are not confidence "
    "intervals.",
    f"Intervals cover the mean with {CONFIDENCE:.0%} confidence: by Student's t from {FEWEST_FOR_T} replicates, by the "
    f"bootstrap (bias-corrected and accelerated, {RESAMPLES:,} resamples, fixed seed) from {FEWEST_FOR_BOOTSTRAP}. "
    f"With fewer than {FEWEST_FOR_T}, the replicates are shown themselves, without an interval.",
    "Techniques are tested against a baseline technique by two-sided paired t tests. Their p-values are adjusted by "
    "Holm's method for all tests of a grid. Three replicates give such a test little power: a difference that is not "
    "significant is not shown to be absent.",
    "The budget `best` is chosen on validation images, never on test images.",
    "Published results do not say which dense network a pruned one came from: changes are relative to the median of "
    "all dense networks, without the uncertainty of that median, and techniques are compared as independent samples "
    "(Welch's t).",
)
"""How every statistic of a table, a figure or a page is computed, a sentence or two each."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The mean of `n` values, and where the true one lies with 95 % confidence: null if `method` is `points`."""

    low: float | None
    middle: float
    high: float | None
    n: int
    method: Method

    @property
    def half_width(self) -> float | None:
        """Half the length of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    @property
    def excludes_zero(self) -> bool:
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference as an interval, and the p-value of a two-sided t test of no difference.

    `p` is null if there are too few values, or if all differences are equal.
    """

    interval: Interval
    p: float | None


def interval(values: Sequence[float]) -> Interval:
    """The interval of the mean of one value for each replicate. Raises ValueError without values."""
    n = len(values)
    if n == 0:
        raise ValueError("an interval needs a value")
    middle = math.fsum(values) / n
    if n < FEWEST_FOR_T:
        return Interval(None, middle, None, n, "points")
    method: Method = "t" if n < FEWEST_FOR_BOOTSTRAP else "bootstrap"
    if _constant(values):
        return Interval(middle, middle, middle, n, method)
    return Interval(*_bounds(values, middle, method), n, method)


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Compare values of the same replicates: the mean of `ours` minus that of `theirs`."""
    from scipy import stats

    differences = [our - their for our, their in zip(ours, theirs, strict=True)]
    estimate = interval(differences)
    if estimate.low is None or _constant(differences):
        return Difference(estimate, None)
    return Difference(estimate, float(stats.ttest_1samp(differences, 0.0).pvalue))


def independent_difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Compare values of different replicates (Welch's t); `n` of the interval is that of the smaller sample."""
    from scipy import stats

    n = min(len(ours), len(theirs))
    middle = math.fsum(ours) / len(ours) - math.fsum(theirs) / len(theirs)
    if n < FEWEST_FOR_T:
        return Difference(Interval(None, middle, None, n, "points"), None)
    if _constant(ours) and _constant(theirs):
        return Difference(Interval(middle, middle, middle, n, "welch"), None)
    result: Any = stats.ttest_ind(ours, theirs, equal_var=False)
    low, high = result.confidence_interval(CONFIDENCE)
    return Difference(Interval(float(low), middle, float(high), n, "welch"), float(result.pvalue))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted by Holm's step-down method, in the order given.

    scipy only has the adjustments for the false discovery rate. Source: Holm, A simple sequentially rejective multiple
    test procedure, Scandinavian Journal of Statistics 6 (1979).
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _bounds(values: Sequence[float], middle: float, method: Method) -> tuple[float, float, float]:
    """The low bound, the middle and the high bound."""
    import numpy as np
    from scipy import stats

    result: Any
    if method == "t":
        low, high = stats.ttest_1samp(values, 0.0).confidence_interval(CONFIDENCE)
    else:
        random = np.random.default_rng(_SEED)
        result = stats.bootstrap(
            (values,), np.mean, confidence_level=CONFIDENCE, n_resamples=RESAMPLES, vectorized=True, rng=random
        )
        low, high = result.confidence_interval
    return float(low), middle, float(high)


def _constant(values: Sequence[float]) -> bool:
    """Whether values do not differ, rounding aside: a t test has nothing to divide by."""
    return math.isclose(min(values), max(values), rel_tol=1e-12, abs_tol=1e-9)
