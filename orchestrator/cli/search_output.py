"""What a search for the smallest network prints after each round and at its end, and the files of a network."""

from __future__ import annotations

import json
import shlex
import sys
from statistics import median
from typing import TYPE_CHECKING, Any

from orchestrator.cli.output import failed_trials, say_time_limit
from orchestrator.results.tolerance import Tolerance
from workers.errors import InputError
from workers.machine.terminal import say
from workers.metrics.facts import KNOWN_ACCURACY, MetricFacts
from workers.text import plural, size

if TYPE_CHECKING:
    from orchestrator.results.exports.model_export import ExportedModel
    from orchestrator.search.rounds import Round
    from orchestrator.search.search import Pruned


def finish_search(pruned: Pruned, tolerance: Tolerance, store: str | None, again: str, as_json: bool = False) -> None:
    """Say how a search went; exit with its code if it did not reach its end. The command `again` continues it."""
    if pruned.kept is None or pruned.model is None:
        _say_unfinished(pruned, store, again)
        sys.exit(pruned.exit_code)
    say(f"\n{_why(pruned, tolerance)}")
    say(_kept(pruned.kept, pruned.model))
    print_files(pruned.model, as_json)


def say_round(latest: Round, tolerance: Tolerance) -> None:
    """Print a round as a line; the numbers are medians over replicates."""
    if latest.number == 0:
        say("round  compression  validation  change      test  change")
    validation, test = median(latest.validation_scores), median(latest.test_scores)
    decimals = latest.metric.decimals(latest.metric.scale * median(latest.dense_scores))
    changes = [
        f"{median(change):+.{decimals}f}" if latest.number else ""
        for change in (latest.validation_change, latest.test_change)
    ]
    note = "" if latest.is_within(tolerance) else f"more than {tolerance}"
    scores = [
        latest.metric.in_words(score) if latest.metric.is_percent else f"{score:.{decimals}f}"
        for score in (validation, test)
    ]
    line = (
        f"{latest.number or 'dense':>5}  {latest.compression:>10.2f}×  {scores[0]:>10}  {changes[0]:>6}  "
        f"{scores[1]:>8}  {changes[1]:>6}  {note}"
    )
    say(line.rstrip())


def _why(pruned: Pruned, tolerance: Tolerance) -> str:
    last = pruned.rounds[-1]
    metric, within = last.metric, tolerance.in_words(last.metric)
    lost = metric.change_in_words(abs(last.loss)).removeprefix("+")
    worse = f"validation {metric.title} {'fell' if metric.higher_is_better else 'rose'} by {lost}"
    reasons = {
        "tolerance": f"Stopped: in round {last.number} {worse}, more than {tolerance}",
        "max_rounds": f"Stopped after {plural(last.number, 'round')} (the maximum), still within {within}",
        "nothing_left": f"Stopped, still within {within}: another round would leave no weight",
    }
    assert pruned.reason is not None
    return reasons[pruned.reason]


def _kept(kept: Round, model: ExportedModel) -> str:
    card, scores = model.card, model.card["scores"]
    if kept.number == 0:
        return "No pruned network is within the tolerance: kept the dense network"
    return (
        f"Kept round {kept.number}, replicate {card['replicate']}: {kept.compression:.2f}× "
        f"({card['kept_weights']:,} of {plural(card['prunable_weights'], 'weight')}), "
        f"test {kept.metric.in_words(scores['test'])} ({kept.metric.change_in_words(scores['test_change'])})"
    )


def print_files(model: ExportedModel, as_json: bool) -> None:
    """Print where a network is, or its card; also say which network it replaced, and how to load it."""
    if model.replaced is not None:
        say(f"Replaced {_described(model.replaced)}")
    print(json.dumps(model.card, indent=1) if as_json else f"{model.model}\n{model.card_file}")
    say(
        f"\n{size(model.bytes)}. Load it with\n\n"
        "  from safetensors.torch import load_file\n\n"
        f'  tensors = load_file("{model.model}")\n'
        '  masks = {name: tensors.pop(name) for name in list(tensors) if name.endswith("..mask")}\n'
        "  network.load_state_dict(tensors)"
    )


def _described(card: dict[str, Any]) -> str:
    """The network of a card in words, even if the card is damaged."""
    try:
        search = card.get("search")
        metric = MetricFacts(**card["metric"]) if "metric" in card else KNOWN_ACCURACY  # of earlier versions
        score = card["scores" if "scores" in card else "accuracy"]["test"]
        within = ""
        if search:
            tolerance = Tolerance.of(search["tolerance"]).in_words(metric)
            within = f", found within {tolerance} at {100 * search['rate']:g}% per round"
        network = f"{card['network']} on {card['dataset']}, {card['technique']} {card['compression']:.2f}×"
        return f"{network}, test {metric.in_words(score)}{within}"
    except (AttributeError, InputError, KeyError, TypeError, ValueError):
        return "files whose card does not describe a network"


def _say_unfinished(pruned: Pruned, store: str | None, again: str) -> None:
    summary = pruned.summary
    say_time_limit(summary)
    if summary.failed:
        done = max(len(pruned.rounds) - 1, 0)
        say(f"\n{failed_trials(summary)}; {plural(done, 'round')} done")
        say(f"\nSee why:    prunesweep status {shlex.quote(str(store))}\nTry again:  {again} --retry-failed")
        if done > 0:
            say(f"Keep what is done:  `prunesweep prune` with --max-rounds {done}")
    else:
        say(f"\nContinue with:  {again}")
