"""Trials that train in milliseconds, for tests of everything around training."""

from __future__ import annotations

from fractions import Fraction

from workers import schedules
from workers.techniques import TECHNIQUES, DenseTraining
from workers.trial import Dataset, MaskRule, Network, Pruning, Recipe, Stop, Task, Trial, trial_id

IMAGES = {"train_images": 80, "test_images": 40, "classes": 4, "channels": 1, "size": 6}
DATA = Dataset(name="synthetic", arguments=IMAGES)
PERCEPTRON = Network(name="mlp", arguments={"hidden": [16, 12], "dropout": 0.2, "batch_norm": True})
TOTAL = 24  # steps; 4.8 epochs of 80 images in batches of 16
SCHEDULE = schedules.piecewise(
    Fraction("0.1"), [Fraction(10), Fraction(17)], [Fraction("0.1"), Fraction("0.01")], Fraction(3)
)
DENSE_TRAINING = DenseTraining(schedule=SCHEDULE, steps=TOTAL, last_rate=0.001)


def task(**recipe) -> Task:
    settings = {
        "batch_size": 16,
        "optimizer": "SGD",
        "optimizer_arguments": {"momentum": 0.9, "weight_decay": 1e-2},
        "crop_padding": 1,
        "horizontal_flip": True,
        "clip_grad_norm": 1.0,
        "batch_norm_momentum": 0.1,
    }
    return Task(dataset=DATA, network=recipe.pop("network", PERCEPTRON), recipe=Recipe(**(settings | recipe)))


def dense(the_task: Task | None = None, replicate: int = 0) -> Trial:
    return Trial(task=the_task or task(), replicate=replicate, stage="dense", rates=SCHEDULE)


def retraining(
    technique: str, previous: Trial, *, step: int = TOTAL, rewind: int = 8, round_: int = 1, density: str = "1/4"
) -> Trial:
    """A technique on the state of `previous` (a dense trial, or the round before) at `step`."""
    rule = TECHNIQUES[technique]
    final = Stop(trial_id(previous), step)
    root = previous if previous.stage == "dense" else None
    starts = {"final": final, "fresh": None, "rewind": Stop(trial_id(root), rewind) if root else previous.start}
    return Trial(
        task=previous.task,
        replicate=previous.replicate,
        stage="reinit" if rule.start == "fresh" else str(round_),
        rates=rule.rates(DENSE_TRAINING, rewind),
        start=starts[rule.start],
        mask=MaskRule(source=final, density=Fraction(density), pruning=Pruning()),
        rate_floor=rule.rate_floor(DENSE_TRAINING, rewind),
    )
