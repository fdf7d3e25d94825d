"""What is known of a metric without computing it."""

from __future__ import annotations

from dataclasses import dataclass

from workers.trial import ACCURACY

PERCENT = "percent"

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

    def in_words(self, score: float) -> str:
        """A stored score with its unit: `91.84%`, `54.02 mg/dl`."""
        return f"{score:.2%}" if self.is_percent else f"{score:.4g} {self.unit}".rstrip()

    def change_in_words(self, change: float) -> str:
        """A difference between scores, as they are shown, with its unit: `-1.57 points`, `+2.31 mg/dl`."""
        return f"{change:+.2f} points" if self.is_percent else f"{change:+.4g} {self.unit}".rstrip()


KNOWN_ACCURACY = MetricFacts(ACCURACY, PERCENT)
KNOWN_BLEU = MetricFacts("bleu", "BLEU")
