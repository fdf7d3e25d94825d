"""A technique at a budget: how long each round retrains, from where, and at which rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from orchestrator.sweep.spec import IterativeSpec
from orchestrator.sweep.values import Duration
from workers.errors import InputError
from workers.schedules import Program
from workers.techniques import TECHNIQUES, DenseTraining


@dataclass(frozen=True, kw_only=True, slots=True)
class Retraining:
    """One round. `steps` is what its trial trains, `budget` how the sweep file calls its length."""

    technique: str
    budget: str
    budget_epochs: float
    rewind_step: int
    rates: Program
    rate_floor: Fraction | None
    steps: int


def retraining_rounds(
    technique: str, budget: Duration, iterative: IterativeSpec | None, dense: DenseTraining, steps_per_epoch: Fraction
) -> list[Retraining]:
    """The rounds of a chain: each of `budget`; or, if that is for all of them, each of an equal part in whole steps,
    the last with what is left over (Zimmer, Spiegel, Pokutta 2023, section 3.2: BIMP). One-shot pruning has one.

    Raises InputError for a budget that is longer than the dense training or too short to be shared.
    """
    exact = in_steps(budget, dense.steps, steps_per_epoch)
    whole = dense.steps - math.floor(dense.steps - exact)
    if whole > dense.steps:
        length = f"{dense.steps:,} steps ({float(dense.steps / steps_per_epoch):.6g} epochs)"
        raise InputError(
            f"budget `{budget}` is {float(exact):,.6g} steps, longer than the dense training of {length}",
            hint="the longest is `100%`",
        )
    if iterative is None or iterative.budget_is == "per_round":
        rounds = iterative.rounds if iterative else 1
        return [_retraining(technique, str(budget), float(exact / steps_per_epoch), dense, whole)] * rounds
    rounds = iterative.rounds
    if whole < rounds:
        raise InputError(
            f"budget `{budget}` is {whole:,} steps for {rounds:,} rounds",
            hint="ask for fewer rounds or a longer budget, or leave out `budget_is: total`",
        )
    part = whole // rounds
    lengths = [part] * (rounds - 1) + [whole - part * (rounds - 1)]
    epochs = float(exact / rounds / steps_per_epoch)
    return [_retraining(technique, f"{budget}/{rounds}", epochs, dense, length) for length in lengths]


def _retraining(technique: str, label: str, epochs: float, dense: DenseTraining, length: int) -> Retraining:
    rule = TECHNIQUES[technique]
    rewind_step = dense.steps - length
    return Retraining(
        technique=technique,
        budget=label,
        budget_epochs=epochs,
        rewind_step=rewind_step,
        rates=rule.rates(dense, rewind_step),
        rate_floor=rule.rate_floor(dense, rewind_step),
        steps=rule.steps(dense, rewind_step),
    )


def in_steps(duration: Duration, total: int | None, steps_per_epoch: Fraction) -> Fraction:
    """A duration in steps, exactly; a share is one of `total`."""
    if duration.unit == "ep":
        return duration.value * steps_per_epoch
    if duration.unit == "it":
        return duration.value
    assert total is not None
    return duration.value / 100 * total
