"""What is known of a metric without computing it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workers.trial import ACCURACY

PERCENT = "percent"
_OUT_OF_100 = (PERCENT, "BLEU")
"""Units of which one is neither much nor little, whatever the data are."""

_DIGITS = 4
"""The digits of scores in other units."""

_TITLES = {
    "top5": "top-5 accuracy",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R²",
    "auroc": "AUROC",
    "f1": "F1",
    "bleu": "BLEU",
}


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """The name of a metric, the unit of its scores, and its direction.

    Scores in percent are stored as fractions of 1. A metric without a unit is a unit by itself.
    """

    name: str
    unit: str = ""
    higher_is_better: bool = True

    @property
    def title(self) -> str:
        """The name as people write it."""
        return _TITLES.get(self.name, self.name)

    @property
    def is_percent(self) -> bool:
        return self.unit == PERCENT

    @property
    def is_out_of_100(self) -> bool:
        return self.unit in _OUT_OF_100

    @property
    def scale(self) -> float:
        """What stored scores are multiplied by to be shown."""
        return 100.0 if self.is_percent else 1.0

    @property
    def shown_unit(self) -> str:
        """The unit of scores as they are shown."""
        return self.unit or self.title

    @property
    def unit_of_changes(self) -> str:
        """The unit of differences between scores as they are shown."""
        return "points" if self.is_percent else self.shown_unit

    def gain(self, change: float) -> float:
        """How much better a score is than another one, from the difference between them."""
        return change if self.higher_is_better else -change

    @property
    def best(self) -> str:
        """What the best score is called: `highest`."""
        return "highest" if self.higher_is_better else "lowest"

    @property
    def loss(self) -> str:
        """What a change for the worse is called: `drop`."""
        return "drop" if self.higher_is_better else "rise"

    @property
    def worsens(self) -> str:
        """What a score does that becomes worse: `falls`."""
        return "falls" if self.higher_is_better else "rises"

    def point(self, dense: float | None) -> float:
        """A difference that matters: a point of 100, or else a hundredth of the dense score, both as they are shown."""
        if self.is_out_of_100:
            return 1.0
        return abs(dense or 1.0) / 100

    def decimals(self, dense: float | None) -> int:
        """How many decimals scores and differences have: two, or those of the first four digits of the dense score."""
        if self.is_out_of_100 or not dense:
            return 2
        return min(9, max(0, _DIGITS - 1 - math.floor(math.log10(abs(dense)))))

    def in_words(self, score: float) -> str:
        """A stored score with its unit: `91.84%`, `54.02 mg/dl`."""
        return f"{score:.2%}" if self.is_percent else f"{score:.4g} {self.unit}".rstrip()

    def change_in_words(self, change: float) -> str:
        """A difference between scores, as they are shown, with its unit: `-1.57 points`, `+2.31 mg/dl`."""
        return f"{change:+z.2f} points" if self.is_percent else f"{change:+z.4g} {self.unit}".rstrip()


KNOWN_ACCURACY = MetricFacts(ACCURACY, PERCENT)
KNOWN_BLEU = MetricFacts("bleu", "BLEU")
