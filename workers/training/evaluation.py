"""Scores and losses of a network on validation and test examples."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from workers.data.batches.structure import call, tensors
from workers.data.source import Batches, Data, Part
from workers.data.split import test_indices, validation_indices
from workers.errors import Diverged, InputError
from workers.metrics.facts import MetricFacts
from workers.metrics.judge import Judge, UndefinedScore
from workers.models.modes import inference
from workers.training.losses import evaluation_loss
from workers.trial import Evaluation, Recipe

log = logging.getLogger(__name__)


class PartScores(NamedTuple):
    """What a network gets on some examples: a score for each metric, and the mean loss.

    The score of a metric other than the primary one is null where it is undefined.
    """

    scores: tuple[float | None, ...]
    loss: float
    examples: int


class Scores(NamedTuple):
    """What a network gets on the examples for validation and for test; scores are in the order of the metrics."""

    metrics: tuple[MetricFacts, ...]
    signature: str | None  # of the primary metric
    validation: PartScores
    test: PartScores


def evaluate(network: nn.Module, data: Data, recipe: Recipe, evaluation: Evaluation, stream: Batches) -> Scores:
    """Score a network without changing it.

    Validation examples are a share of the test set, or those held out from training if the share is None. `stream` has
    the training batches from which BatchNorm statistics are estimated again, if asked for.
    Raises InputError if there are no validation examples, and the errors of `score`.
    """
    validation, test = validation_and_test(data, evaluation)
    with contextlib.ExitStack() as stack:
        if evaluation.batch_norm_batches:
            stack.enter_context(new_statistics(network, stream, recipe, evaluation.batch_norm_batches))
        validators, testers = (
            [Judge(metric, examples, data) for metric in evaluation.metrics]
            for examples in ("validation examples", "test examples")
        )
        validated = score(network, validation, recipe, validators)
        tested = score(network, test, recipe, testers)
        return Scores(tuple(judge.facts for judge in testers), testers[0].signature, validated, tested)


def validation_and_test(data: Data, evaluation: Evaluation) -> tuple[Part, Part]:
    """The validation and the test examples. Raises InputError without validation examples.

    Examples that are held out of training, and a validation split that the data bring along, come before a share.
    """
    if len(data.heldout):
        return data.heldout, data.test
    if evaluation.validation_share is not None:
        share, noun = evaluation.validation_share, data.facts.noun
        return (
            data.test.select(validation_indices(len(data.test), share, noun)),
            data.test.select(test_indices(len(data.test), share)),
        )
    raise InputError(
        "no validation examples: none are held out of training, and no share of the test set is used",
        hint="hold examples out of training with `holdout`, or validate on a share of the test set",
    )


def score(network: nn.Module, part: Part, recipe: Recipe, judges: Sequence[Judge]) -> PartScores:
    """Scores by `judges`, and the mean loss.

    Raises the errors of `examine`, and if the first score is undefined or not finite, BadInput or Diverged.
    """
    loss = examine(network, part, recipe, judges)
    first = [judge.score() for judge in judges[:1]]
    return PartScores((*first, *map(_score_or_null, judges[1:])), loss, len(part))


def _score_or_null(judge: Judge) -> float | None:
    try:
        return judge.score()
    except (UndefinedScore, Diverged) as error:
        log.warning("%s", error.message)
        return None


def examine(network: nn.Module, part: Part, recipe: Recipe, judges: Sequence[Judge]) -> float:
    """Show `judges` what a network returns in evaluation mode.

    Returns the mean cross-entropy, never label-smoothed, summed in float64. Raises BadInput if a metric cannot be
    computed from what the network returns.
    """
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    loss = torch.zeros((), dtype=torch.float64, device=device)
    bfloat16, summed = recipe.precision == "bf16", evaluation_loss(recipe)
    with inference(network):
        for inputs, targets in part.batches(recipe):
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                outputs = call(network, inputs)
            loss += summed(outputs, targets)
            for judge in judges:
                judge.update(network, inputs, outputs, targets)
    return loss.item() / len(part)


@contextlib.contextmanager
def new_statistics(network: nn.Module, stream: Batches, recipe: Recipe, batches: int) -> Iterator[None]:
    """In the block, BatchNorm statistics are averages over a stream's first `batches` batches, weighted equally.

    All buffers and momenta are as before at the end. A copy of the network would do as well, but cannot be made of one
    that keeps activations.
    """
    buffers = [(module, dict(module._buffers)) for module in network.modules()]
    values = [(buffer, buffer.clone()) for _, own in buffers for buffer in own.values() if buffer is not None]
    momenta = [(module, module.momentum) for module in network.modules() if isinstance(module, _BatchNorm)]
    try:
        _average(network, stream, recipe, batches)
        yield
    finally:
        for module, own in buffers:
            module._buffers.update(own)
        for buffer, value in values:
            buffer.copy_(value)
        for module, momentum in momenta:
            module.momentum = momentum


def _average(network: nn.Module, stream: Batches, recipe: Recipe, batches: int) -> None:
    with inference(network):
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.reset_running_stats()
                module.momentum = None  # cumulative average
                module.train()
        for index in range(batches):
            inputs, _ = stream.batch(index)
            device = tensors(inputs)[0].device
            with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
                call(network, inputs)
