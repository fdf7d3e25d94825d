"""Intervals that cover a mean with 95% confidence, and the rules of all statistics over replicates.

Student's t is that of scipy.special, because scipy.stats, which the bootstrap needs, takes a second to import.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

CONFIDENCE = 0.95
FEWEST_FOR_T = 3
FEWEST_FOR_BOOTSTRAP = 8
RESAMPLES = 9_999
_ROUNDING = 1e-9
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
    "The budget `best` is chosen on validation examples, never on test examples.",
    "Published results do not say which dense network a pruned one came from: changes are relative to the median of "
    "all dense networks, without the uncertainty of that median, and techniques are compared as independent samples "
    "(Welch's t).",
)
"""How every statistic of a table, a figure or a page is computed, a sentence or two each."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The mean of `n` values, and where the true one lies with 95% confidence: null if `method` is `points`."""

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
        return self.low is not None and self.high is not None and not self.low - _ROUNDING <= 0 <= self.high + _ROUNDING


def interval(values: Sequence[float]) -> Interval:
    """The interval of the mean of one value for each replicate. Raises ValueError without values."""
    n = len(values)
    if n == 0:
        raise ValueError("an interval needs a value")
    middle = _mean(values)
    if n < FEWEST_FOR_T:
        return Interval(None, middle, None, n, "points")
    method: Method = "t" if n < FEWEST_FOR_BOOTSTRAP else "bootstrap"
    if _constant(values):
        return Interval(middle, middle, middle, n, method)
    if method == "bootstrap":
        return Interval(*_bootstrap(values, middle), n, method)
    half = _half_width(_error(values))
    return Interval(middle - half, middle, middle + half, n, method)


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """The mean of `ours` minus that of `theirs`, values of the same replicates."""
    return interval(_differences(ours, theirs))


def independent_difference(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """The mean of `ours` minus that of `theirs`, values of different replicates, by Welch's t.

    `n` is the size of the smaller sample.
    """
    n = min(len(ours), len(theirs))
    middle = _mean(ours) - _mean(theirs)
    if n < FEWEST_FOR_T:
        return Interval(None, middle, None, n, "points")
    half = _half_width(_welch_error(ours, theirs))
    return Interval(middle - half, middle, middle + half, n, "welch")


def paired_p_value(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """The p-value of a two-sided t test of no difference between values of the same replicates.

    Null if there are too few, or if all differences are equal, which leaves nothing to test.
    """
    differences = _differences(ours, theirs)
    return _p_value(_mean(differences), _error(differences)) if len(differences) >= FEWEST_FOR_T else None


def independent_p_value(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """The p-value of Welch's two-sided t test between values of different replicates; null as for pairs."""
    if min(len(ours), len(theirs)) < FEWEST_FOR_T:
        return None
    return _p_value(_mean(ours) - _mean(theirs), _welch_error(ours, theirs))


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


class _Error(NamedTuple):
    """The standard error of a mean, and its degrees of freedom."""

    size: float
    freedom: float


def _error(values: Sequence[float]) -> _Error:
    return _Error(math.sqrt(_variance(values) / len(values)), len(values) - 1)


def _welch_error(ours: Sequence[float], theirs: Sequence[float]) -> _Error:
    """The error of a difference, with the degrees of freedom of Welch and Satterthwaite."""
    errors = (_error(ours), _error(theirs))
    size = math.hypot(*(error.size for error in errors))
    spread = sum(error.size**4 / error.freedom for error in errors)
    return _Error(size, size**4 / spread if spread else 1.0)


def _half_width(error: _Error) -> float:
    return _t_quantile(error.freedom) * error.size


def _p_value(difference: float, error: _Error) -> float | None:
    from scipy.special import stdtr

    return 2 * float(stdtr(error.freedom, -abs(difference) / error.size)) if error.size else None


def _bootstrap(values: Sequence[float], middle: float) -> tuple[float, float, float]:
    import numpy as np
    from scipy import stats

    random = np.random.default_rng(_SEED)
    result: Any = stats.bootstrap(
        (values,), np.mean, confidence_level=CONFIDENCE, n_resamples=RESAMPLES, vectorized=True, rng=random
    )
    low, high = result.confidence_interval
    return float(low), middle, float(high)


@lru_cache
def _t_quantile(freedom: float) -> float:
    """How many standard errors are half an interval of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def _differences(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [our - their for our, their in zip(ours, theirs, strict=True)]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    if _constant(values):
        return 0.0
    mean = _mean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _constant(values: Sequence[float]) -> bool:
    """Whether values do not differ, rounding aside: a t test has nothing to divide by."""
    return math.isclose(min(values), max(values), rel_tol=1e-12, abs_tol=_ROUNDING)
