"""How much worse than the dense network a pruned one may be."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workers.errors import InputError
from workers.metrics.facts import MetricFacts

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Tolerance:
    """An amount in the unit of differences (points), or a share of the dense score in percent."""

    amount: float
    is_share: bool = False

    @classmethod
    def of(cls, value: float | str) -> Tolerance:
        """`0.5`, or `1%` of the dense score. Raises InputError for anything else, and for less than 0."""
        text = str(value).strip()
        number = text.removesuffix("%")
        try:
            amount = float(number)
        except ValueError:
            amount = math.nan
        if not 0 <= amount < math.inf:
            message = f"the tolerance must be 0 or more, or a share of the dense score: {text}"
            raise InputError(message, hint=_HINT)
        return cls(amount, is_share=number != text)

    def allowed(self, dense: float) -> float:
        """What may be lost of a dense score, as it is shown."""
        return self.amount / 100 * abs(dense) if self.is_share else self.amount

    def forgives(self, change: float, dense: float, metric: MetricFacts) -> bool:
        """Whether a difference from a dense score, both as they are shown, is within the tolerance."""
        return metric.gain(change) >= -self.allowed(dense) - _ROUNDING * metric.point(dense)

    def in_words(self, metric: MetricFacts) -> str:
        """`0.5 points`, `1% of the dense score`, `3 mg/dl`."""
        if self.is_share:
            return f"{self.amount:g}% of the dense score"
        unit = metric.unit_of_changes
        return f"{self.amount:g} {'point' if unit == 'points' and self.amount == 1 else unit}"

    @property
    def value(self) -> float | str:
        """What `of` takes."""
        return str(self) if self.is_share else self.amount

    def __str__(self) -> str:
        return f"{self.amount:.10g}{'%' if self.is_share else ''}"


_HINT = "write `0.5` for half a point, or whatever the unit of the metric is, or `1%` of the dense score"
