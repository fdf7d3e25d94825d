"""How to retrain: where the weights start × which learning rates they see.

Renda, Frankle, Carbin (ICLR 2020), section 2, and the authors' code for reinitialization (T + t epochs); the
restarting techniques come from later papers, named below. T is the length of the dense training, k the rewind point,
t = T − k the retraining time of a round. Imports no torch. `own` has the techniques of users.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from workers import schedules
from workers.schedules import Program

DENSE = "dense"
"""The technique of a cell that is the dense network: no pruning and no retraining, so not one of `TECHNIQUES`."""

Start = Literal["final", "rewind", "fresh"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DenseTraining:
    """What a technique needs to know of the dense training: schedule, length T in steps, last learning rate."""

    schedule: Program
    steps: int
    last_rate: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Technique:
    """Where the weights start, and which learning rates they see.

    `start` is the state at the end of the previous round (`final`), the state of the dense training at the rewind
    point (`rewind`: weights, optimizer state and buffers), or a new initialization (`fresh`). `rates` makes the
    learning-rate program from the dense training and the rewind point, `steps` its length. An `adaptive` technique
    multiplies all rates by a factor from t / T to 1: the less pruning removes, the lower.
    """

    start: Start
    rates: Callable[[DenseTraining, int], Program]
    steps: Callable[[DenseTraining, int], int]
    summary: str
    iterative: bool = True
    needs_last_rate: bool = False
    adaptive: bool = False

    @property
    def repeats_training(self) -> bool:
        """Whether weights and rates both return to the rewind point: the dense training again, from there."""
        return self.start == "rewind" and self.rates is _rewound

    def rate_floor(self, dense: DenseTraining, rewind_step: int) -> Fraction | None:
        """The least factor of the rates (see `workers.trial.Trial`)."""
        return Fraction(self.steps(dense, rewind_step), dense.steps) if self.adaptive else None


def _last_rate(dense: DenseTraining, rewind_step: int) -> Program:
    assert dense.last_rate is not None
    return schedules.constant(dense.last_rate)


def _rewound(dense: DenseTraining, rewind_step: int) -> Program:
    return schedules.after(dense.schedule, rewind_step)


def _whole_then_last(dense: DenseTraining, rewind_step: int) -> Program:
    assert dense.last_rate is not None
    return schedules.then(dense.schedule, dense.steps, dense.last_rate)


def _squeezed(dense: DenseTraining, rewind_step: int) -> Program:
    """SLR: a linear warm-up over the first tenth of t, then the dense schedule without its warm-up in the rest.

    Le & Hua 2021, *Network pruning that matters*, section 3.
    """
    steps = dense.steps - rewind_step
    warmed_up = schedules.warm_up_steps(dense.schedule)
    rest = schedules.after(dense.schedule, warmed_up)
    return schedules.squeezed(rest, dense.steps - warmed_up, Fraction(rest[0].rate), Fraction(steps, 10), steps)


def _cycle(dense: DenseTraining, rewind_step: int) -> Program:
    """CLR: one cycle, from 1/100 of the peak rate up to it, and down to 1/10,000 of it.

    Le & Hua 2021, *Network pruning that matters*, section 3, with the rates of its code. Momentum stays as it is.
    """
    peak = schedules.highest(dense.schedule)
    return schedules.one_cycle(peak, peak / 100, peak / 10_000, dense.steps - rewind_step)


def _linear(dense: DenseTraining, rewind_step: int) -> Program:
    """LLR: a cosine warm-up to the peak rate over the first tenth of t, then linearly down to 0 at the end.

    Zimmer, Spiegel, Pokutta 2023, *How I learned to stop worrying and love retraining*, section 3.1.
    """
    steps = dense.steps - rewind_step
    peak = schedules.highest(dense.schedule)
    return schedules.ramp("linear", peak, Fraction(0), Fraction(steps, 10), steps, rise="cosine")


def _remaining(dense: DenseTraining, rewind_step: int) -> int:
    return dense.steps - rewind_step


def _whole_and_remaining(dense: DenseTraining, rewind_step: int) -> int:
    return dense.steps + dense.steps - rewind_step


LENGTHS = (
    "T is the length of the dense training, t the retraining time of a round: the budget.\n"
    "Rewinding goes back to step T − t of the dense training."
)
"""What the summaries of techniques mean by T and t."""

TECHNIQUES = {
    "fine_tuning": Technique(
        start="final",
        rates=_last_rate,
        steps=_remaining,
        needs_last_rate=True,
        summary="continue from the final weights at the last learning rate, for t",
    ),
    "weight_rewinding": Technique(
        start="rewind",
        rates=_rewound,
        steps=_remaining,
        summary="rewind the weights to the dense network at T − t and retrain with the learning rates from there",
    ),
    "lr_rewinding": Technique(
        start="final",
        rates=_rewound,
        steps=_remaining,
        summary="keep the final weights and retrain with the learning rates of the last t",
    ),
    "low_lr_weight_rewinding": Technique(
        start="rewind",
        rates=_last_rate,
        steps=_remaining,
        needs_last_rate=True,
        summary="rewind the weights to the dense network at T − t and retrain at the last learning rate",
    ),
    "reinitialization": Technique(
        start="fresh",
        rates=_whole_then_last,
        steps=_whole_and_remaining,
        iterative=False,
        needs_last_rate=True,
        summary="train the pruned network from a new initialization for T, then at the last learning rate for t",
    ),
    "scaled_lr_restarting": Technique(
        start="final",
        rates=_squeezed,
        steps=_remaining,
        summary="keep the final weights, warm up, and retrain with the whole schedule squeezed into t (SLR)",
    ),
    "cyclic_lr_restarting": Technique(
        start="final",
        rates=_cycle,
        steps=_remaining,
        summary="keep the final weights and retrain with one cosine cycle up to the highest rate and down, in t (CLR)",
    ),
    "linear_lr_restarting": Technique(
        start="final",
        rates=_linear,
        steps=_remaining,
        summary="keep the final weights, warm up to the highest rate, and decay it linearly to 0, in t (LLR)",
    ),
    "adaptive_linear_lr_restarting": Technique(
        start="final",
        rates=_linear,
        steps=_remaining,
        adaptive=True,
        summary="like linear_lr_restarting, from a rate that is lower the less pruning removes (ALLR)",
    ),
}


def in_order(names: Iterable[str]) -> list[str]:
    """Names of techniques, each once: in the order of the table, then unknown ones in order of first occurrence."""
    names = list(dict.fromkeys(names))
    listed = [name for name in TECHNIQUES if name in names]
    return listed + [name for name in names if name not in TECHNIQUES]
