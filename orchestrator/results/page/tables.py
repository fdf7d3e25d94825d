"""Tables of a page as data, and numbers as the page writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from orchestrator.results.intervals import Interval
from orchestrator.results.statistics import ReplicateSummary

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class MarkedCell:
    """A table cell that is more than text: `kind` is a class of the style sheet, and `note` a second, smaller line."""

    text: str
    kind: str = ""
    note: str = ""


Cell = str | MarkedCell


@dataclass(frozen=True, slots=True)
class DataTable:
    """A table with a caption; the first `keys` columns name a row. `wide` lists columns of text rather than numbers."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    keys: int = 1
    texts: Sequence[int] = field(default=())


def with_minus(number: str) -> str:
    """A number with a minus sign, as wide as a plus. What programs may read (CSV, LaTeX, terminal) has a hyphen."""
    return number.replace("-", "−")


def signed(value: float | None, decimals: int = 2) -> str:
    """`+0.12` or `−0.12`, or a dash."""
    return NOTHING if value is None else with_minus(f"{value:+z.{decimals}f}")


def plain(value: float | None, decimals: int = 2) -> str:
    """`91.73`, or a dash."""
    return NOTHING if value is None else with_minus(f"{value:z.{decimals}f}")


def epochs(value: float | None) -> str:
    """Epochs to four digits."""
    return NOTHING if value is None else f"{value:,.4g}" if value < 10_000 else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """A share of 1 in percent, to three digits."""
    return NOTHING if share is None else f"{100 * share:.3g}%"


def span(summary: ReplicateSummary, decimals: int, write: Callable[[float | None, int], str] = signed) -> str:
    """`−0.94 [−1.88, −0.63]`, or how many replicates are done."""
    if summary.median is None:
        return f"{summary.n}/{summary.n_expected}"
    if summary.n == 1:
        return write(summary.median, decimals)
    bounds = f"[{write(summary.minimum, decimals)}, {write(summary.maximum, decimals)}]"
    return f"{write(summary.median, decimals)} {bounds}"


def change(interval: Interval | None, decimals: int) -> str:
    """`−0.94 [−1.88, −0.63]`, the mean and its interval if there is one, or a dash."""
    if interval is None:
        return NOTHING
    mean = signed(interval.middle, decimals)
    return mean if interval.low is None else f"{mean} {bounds(interval, decimals)}"


def bounds(interval: Interval | None, decimals: int) -> str:
    """`[−1.88, −0.63]`, or a dash."""
    if interval is None or interval.low is None:
        return NOTHING
    return f"[{signed(interval.low, decimals)}, {signed(interval.high, decimals)}]"
