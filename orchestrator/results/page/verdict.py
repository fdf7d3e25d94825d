"""Which technique to use, in one sentence that is computed, with the counts behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import fsum

from orchestrator.results.intervals import FEWEST_FOR_T
from orchestrator.results.page.tables import DataTable, plain
from orchestrator.results.page.text import first_upper
from orchestrator.results.page.ties import ComparedColumn, rule
from workers.metrics.facts import MetricFacts
from workers.techniques import in_order
from workers.text import plural

_CHOICE = (
    "The technique named first is the best or tied in the largest number of comparisons; of several with that number, "
    "it is the one with the smallest mean distance from the best."
)

_PERHAPS_CHANCE = "With fewer than three replicates, that may be chance."


@dataclass(frozen=True, slots=True)
class Tally:
    """How a technique does in the columns that it is in.

    `distance` is how much worse than the best it is on average, in points, over the columns where it is complete.
    """

    technique: str
    columns: int
    tied: int
    alone: int
    distance: float | None

    @property
    def share(self) -> str:
        return f"{self.tied} of {self.columns}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The sentence, its rule, and the tallies, the technique named first leading."""

    sentence: str
    rule: str
    tallies: Sequence[Tally]

    @property
    def table(self) -> DataTable:
        return DataTable(
            "Comparisons (one grid at one compression) in which each technique is the best or tied with it",
            ["technique", "best or tied", "of comparisons", "best alone", "mean distance from the best"],
            [[t.technique, str(t.tied), str(t.columns), str(t.alone), plain(t.distance)] for t in self.tallies],
        )


def verdict(
    columns: Sequence[ComparedColumn], name: Callable[[str], str], left_out: int = 0, *, unfinished: bool = False
) -> Verdict:
    """The verdict over all columns; `name` is how people write a technique, `left_out` counts further columns.

    While cells are still to run (`unfinished`), the sentence is a state of things and not advice.
    """
    tallies = sorted(_tallies(columns), key=lambda tally: (-tally.tied, tally.distance or 0.0))
    metrics = {column.metric: None for column in columns}
    rules = f"{rule(metrics)} {_CHOICE}"
    if not tallies:
        return Verdict("No technique can be named: no compression has two techniques with all replicates.", rules, ())
    not_compared = _not_compared(columns, left_out)
    first, *others = tallies
    if first.tied == 0:
        return Verdict(f"No technique can be named: none is the best of a comparison.{not_compared}", rules, tallies)
    few = max(column.replicates for column in columns) < FEWEST_FOR_T
    equal = [tally for tally in others if tally.tied == first.tied and _same(tally.distance, first.distance)]
    if equal:
        names = _listed([name(tally.technique) for tally in (first, *equal)])
        sentence = f"{names} do equally well: each is the best or tied with the best in {first.share} comparisons."
    else:
        rest = ", ".join(f"{name(tally.technique)} in {tally.share}" for tally in others)
        counts = f"the best or tied with the best in {_count(first, metrics)}; {rest}."
        is_advice = not (few or unfinished)
        sentence = (
            f"Use {name(first.technique)}: it is {counts}" if is_advice else f"{name(first.technique)} is {counts}"
        )
    if unfinished:
        sentence = f"so far, {sentence}"
    chance = f" {_PERHAPS_CHANCE}" if few else ""
    return Verdict(first_upper(f"{sentence}{not_compared}{chance}"), rules, tallies)


def _not_compared(columns: Sequence[ComparedColumn], left_out: int) -> str:
    """The comparisons that failures decide, and those that are left out, as further sentences; empty without any."""
    decided = sum(column.decided_by_failures for column in columns)
    sentences = []
    if decided:
        where = f"In {decided:,} of the comparisons" if decided < len(columns) else "In all comparisons"
        sentences.append(f" {where}, failures leave one complete technique.")
    if left_out:
        are = "is" if left_out == 1 else "are"
        lacking = "fewer than two techniques have all replicates"
        sentences.append(f" {plural(left_out, 'more comparison')} {are} left out, because {lacking}.")
    return "".join(sentences)


def _count(tally: Tally, metrics: Iterable[MetricFacts]) -> str:
    """`14 of 15 comparisons`, with the mean distance."""
    text = f"{tally.tied} of {plural(tally.columns, 'comparison')}"
    if not tally.distance:
        return text
    in_points = all(metric.is_out_of_100 and metric.higher_is_better for metric in metrics)
    worse = " points below the best" if in_points else "% of the dense score worse than the best"
    return f"{text} (on average {plain(tally.distance)}{worse})"


def _tallies(columns: Sequence[ComparedColumn]) -> Iterable[Tally]:
    for technique in in_order({technique for column in columns for technique in column.techniques}):
        mine = [column for column in columns if technique in column.techniques]
        distances = [column.distance(technique) for column in mine if technique in column.differences]
        tied = [column for column in mine if column.tied(technique)]
        alone = [column for column in tied if not any(column.tied(t) for t in column.techniques if t != technique)]
        distance = fsum(distances) / len(distances) if distances else None
        yield Tally(technique, len(mine), len(tied), len(alone), distance)


def _same(first: float | None, second: float | None) -> bool:
    return (first is None) == (second is None) and abs((first or 0.0) - (second or 0.0)) < 1e-9


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
