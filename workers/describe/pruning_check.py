"""Trying the user's own score and distribution before a sweep starts, on an untrained network and a few examples."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import torch

from workers import schedules
from workers.data.examples.resident import ResidentData, ResidentExamples
from workers.data.image_facts import ImageFacts
from workers.data.images import Images
from workers.data.source import Data, DataFacts
from workers.pruning import kept_weights
from workers.registry import is_own
from workers.training.trainer import Trainer
from workers.trial import Dataset, MaskRule, Network, Pruning, Recipe, Stop, Task, Trial

_DENSITIES = (Fraction(1, 2), Fraction(1, 3), Fraction(1, 10))  # rounding errors of a distribution show at some only
_EXAMPLES = 2


def check_pruning(network: Network, recipe: Recipe, pruning: Pruning, facts: DataFacts) -> None:
    """Prune once as a trial does, if the score or the distribution is the user's own.

    Raises InputError for a function that cannot be imported or called, BadInput for one that breaks a rule.
    """
    if not is_own(pruning.score) and not is_own(pruning.distribution):
        return
    if pruning.score_arguments.get("batches"):
        pruning = dataclasses.replace(pruning, score_arguments=pruning.score_arguments | {"batches": 2})
    recipe = dataclasses.replace(recipe, batch_size=_EXAMPLES, batch_norm_group=None, random_resized_crop=False)
    task = Task(dataset=Dataset(name="random"), network=network, recipe=recipe)
    data = _random_images(facts) if isinstance(facts, ImageFacts) else _few_examples(facts)
    source = Stop("untrained", 0)
    for density in _DENSITIES:
        rule = MaskRule(source=source, density=density, pruning=pruning)
        trial = Trial(task=task, replicate=0, stage="1", rates=schedules.constant(0.0), mask=rule)
        trainer = Trainer(trial, data, torch.device("cpu"))
        if kept_weights(sum(weight.numel() for weight in trainer.weights.values()), density):
            trainer.begin({source: trainer.state()})


def _few_examples(facts: DataFacts) -> Data:
    """The examples that networks are tried on, to train and to test on."""
    few = ResidentExamples(*facts.sample(_EXAMPLES))
    return ResidentData(facts=facts, train=few, heldout=few, test=few)


def _random_images(facts: ImageFacts) -> Data:
    """Random training images of the right shape, with labels of different classes."""
    count = max(_EXAMPLES, min(facts.classes, 100))
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, *facts.input_shape), generator=generator, dtype=torch.uint8)
    labels = torch.arange(count) % facts.classes
    images = Images(
        train_images=pixels, train_labels=labels, test_images=pixels, test_labels=labels, classes=facts.classes
    )
    return images.on(torch.device("cpu"), 0, dataclasses.replace(facts, train_images=count))
