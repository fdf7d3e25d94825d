"""One cell as a person reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.planning.cells import in_words
from orchestrator.results.score_columns import metric_of
from workers.errors import hint_line
from workers.metrics.facts import MetricFacts
from workers.store.failures import Failure
from workers.text import duration, plural

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 60  # of a sparkline
_BAR = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A trial that a cell builds on, and the cell at its last stop; `score` is as it is stored, on test examples."""

    trial: str
    cell: str
    done: bool
    failure: str | None
    score: float | None


def sections(parts: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Titles with the lines under them, each after an empty line; a part without lines is left out."""
    for title, lines in parts.items():
        shown = [f"  {line}" for line in lines]
        if shown:
            yield ""
            yield title
            yield from shown


def what(cell: Mapping[str, Any], state: str) -> Iterator[str]:
    """Which cell it is, and its state."""
    yield f"{in_words(cell)}: {state}"
    yield " · ".join(str(cell[name]) for name in ("dataset", "network", "recipe", "pruning", "schedule"))
    yield f"trial {cell['trial']} at step {cell['step']:,}, sweep {cell['sweep']}"


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """Values from low to high as blocks; of more values than fit, evenly spaced ones, the last included."""
    if len(values) > width:
        values = [values[round(index * (len(values) - 1) / (width - 1))] for index in range(width)]
    low, high = min(values), max(values)
    span = high - low
    if not span:
        return _BLOCKS[0] * len(values)
    return "".join(_BLOCKS[round((value - low) / span * (len(_BLOCKS) - 1))] for value in values)


def result_lines(result: Mapping[str, Any], metric: MetricFacts) -> Iterator[str]:
    """Scores and losses."""
    for split in ("test", "validation"):
        if result.get(f"{split}_score") is not None:
            yield _score(result, split, metric)
    for other in result.get("other_scores") or ():
        yield _other_score(other)
    if result.get("train_score") is not None:
        yield f"training {metric.title} {metric.in_words(result['train_score'])}, loss {result['train_loss']:.4g}"
    if result.get("same_run_as"):
        yield f"the same run as {result['same_run_as']}: not independent evidence"
    if result.get("mixed_parents"):
        yield "a parent trial was trained twice with different results; this cell uses the unpublished one"


def _score(result: Mapping[str, Any], split: str, metric: MetricFacts) -> str:
    """`test accuracy 97.18% (dense 98.75%, change -1.57 points), loss 0.09, 640 examples`."""
    text = f"{split} {metric.title} {metric.in_words(result[f'{split}_score'])}"
    dense, change = result[f"dense_{split}_score"], result[f"delta_{split}_score"]
    if dense is not None:
        text += f" (dense {metric.in_words(dense)}, change {metric.change_in_words(change)})"
    return f"{text}, loss {result[f'{split}_loss']:.4g}, {plural(result[f'{split}_examples'], 'example')}"


def _other_score(scores: Mapping[str, Any]) -> str:
    """`test R² 0.4594, validation 0.5633`."""
    metric = metric_of(scores)
    test, validation = (
        "undefined" if scores[f"{split}_score"] is None else metric.in_words(scores[f"{split}_score"])
        for split in ("test", "validation")
    )
    return f"test {metric.title} {test}, validation {validation}"


def failure_lines(failure: Failure | None, failed_attempts: Mapping[str, int], logs: str) -> Iterator[str]:
    """How a trial failed, how often attempts did, and the command that prints the log."""
    if failure is not None:
        where = "" if failure.step is None else f" at step {failure.step:,}"
        host = f" on {failure.host}" if failure.host else ""
        yield f"{failure.outcome}{where}{host}: {failure.first_line}"
        if failure.hint:
            yield hint_line(failure.hint)
    if failed_attempts:
        yield f"failed attempts: {', '.join(f'{count} {outcome}' for outcome, count in failed_attempts.items())}"
    if failure is not None and failure.log:
        yield logs


def waits_for(chain: Iterable[Link]) -> Iterator[str]:
    """The trials whose failure blocks a cell."""
    yield from (
        f"waits for trial {link.trial}: {link.failure}" for link in chain if link.failure not in (None, "blocked")
    )


def link_line(link: Link, metric: MetricFacts) -> str:
    """A trial of a chain, and its score or how far it is."""
    progress = "done" if link.done else link.failure or "not done"
    how = progress if link.score is None else metric.in_words(link.score)
    return f"{link.trial}  {link.cell}: {how}"


_CURVES = {  # by column: the name of a measure, and the format of its values
    "train_loss": ("training loss", ".4g"),
    "train_accuracy": ("training accuracy", ".2%"),
    "learning_rate": ("learning rate", ".4g"),
}


def curve_lines(curve: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A sparkline for each measure of training."""
    for column, (name, form) in _CURVES.items():
        values = [point[column] for point in curve if point.get(column) is not None]
        if values:
            yield f"{name:<18} {sparkline(values)}  {format(values[0], form)} to {format(values[-1], form)}"


def layer_lines(layers: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A bar of the density of each layer."""
    width = max((len(layer["layer"]) for layer in layers), default=0)
    for layer in layers:
        density = layer["kept"] / layer["weights"] if layer["weights"] else 0.0
        bar = "█" * round(density * _BAR)
        state = "collapsed" if not layer["kept"] else f"{density:6.1%}"
        yield (
            f"{layer['layer']:<{width}}  {bar:<{_BAR}}  {state:>9}  "
            f"{layer['kept']:,} of {plural(layer['weights'], 'weight')}"
        )


def cost_lines(cost: Mapping[str, Any]) -> Iterator[str]:
    """What it took to get there, and what the network costs."""
    yield f"search cost: {_epochs(cost['search_cost_epochs'])} of retraining"
    if cost["dense_epochs"] is not None:
        yield f"after {_epochs(cost['dense_epochs'])} of dense training"
    if cost["kept_weights"] is not None:
        yield f"{cost['kept_weights']:,} of {plural(cost['prunable_weights'], 'prunable weight')} kept"
    for column, name in (("multiply_adds", "multiply-adds"), ("paper_flops", "FLOPs as the paper counts them")):
        if cost[column] is not None:
            yield f"{name} for one example: {cost[column]:,.0f} dense, {cost[f'sparse_{column}']:,.0f} sparse"


def _epochs(number: float) -> str:
    return f"{number:g} epoch{'' if number == 1 else 's'}"


def run_lines(run: Mapping[str, Any]) -> Iterator[str]:
    """Where and when the trial ran, and with which versions."""
    if not run:
        return
    machine = f"on {run['host']} ({run['device']}, {run['instruction_set']})"
    yield f"{machine}, {plural(run['threads'], 'thread')}, {plural(run['ranks'], 'rank')}"
    if run["wall_seconds"] is not None:
        time = f"{run['started_at']:%Y-%m-%d %H:%M:%S} UTC for {duration(run['wall_seconds'])}"
        yield f"{time}, {plural(run['attempts'], 'attempt')}"
    if run["metric_signature"]:
        yield f"scored as {run['metric_signature']}"
    commit = f", commit {run['commit']}" if run["commit"] else ""
    yield (
        f"prunesweep {run['prunesweep_version']}{commit}, torch {run['torch_version']}, Python {run['python_version']}"
    )


def setting_lines(recipe: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    """The recipe, and what the trial was trained with."""
    for name, value in (*recipe.items(), *_of_trial(settings)):
        if name != "name":
            yield f"{name}: {_value(value)}"


def _of_trial(settings: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """What a trial has beyond its task: where it starts, its mask, its learning rates."""
    return ((name, value) for name, value in settings.items() if name not in ("task", "replicate", "stage"))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
