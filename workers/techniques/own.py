"""Techniques of the user's own: a function from the dense training to where the weights start and which rates they see.

It is called when a sweep is planned, and what it returns becomes part of the trial, so that workers never import it.
Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, get_args

from workers.errors import BadInput, InputError
from workers.registry import call, check_not_a_class, load_own, lookup
from workers.schedules import Program, stepwise
from workers.techniques import DenseTraining, Start
from workers.text import plural
from workers.trial import Segment, canonical, segment_from_json

LONGEST = 10_000
"""The most stretches of a learning-rate program: every trial is sent with all of them."""


class Chosen(NamedTuple):
    """What a technique chooses for one budget: the start state, and the learning rates of `steps` steps."""

    start: Start
    rates: Program
    steps: int


_RULE = 'return a pair such as `"final", rates`, with a learning rate for each step of the retraining'


def choose(name: str, arguments: Mapping[str, Any], dense: DenseTraining, rewind_step: int) -> Chosen:
    """Call the function `name` (`module:function`) with `dense`, `rewind_step` and arguments of the sweep file.

    It returns the start (see `workers.techniques.Technique`) and the learning rates: a number for each step, or a
    program that functions of `workers.schedules` make. Raises InputError if it cannot be called, BadInput if it breaks
    a rule.
    """
    settings = {"dense": dense, "rewind_step": rewind_step, **arguments}
    check_not_a_class(load_own(name), "technique", name)
    returned = call(lookup({}, name, "technique"), "technique", name, settings)
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise BadInput(
            f"technique `{name}` must return a pair of a start and learning rates, not {_shown(returned)}", hint=_RULE
        )
    start, rates = returned
    if start not in get_args(Start):
        starts = ", ".join(f'"{word}"' for word in get_args(Start))
        raise BadInput(f"technique `{name}` must start from one of {starts}: {start!r}", hint=_RULE)
    steps = dense.steps - rewind_step + (dense.steps if start == "fresh" else 0)
    return Chosen(start, _program(name, rates, steps), steps)


def _program(name: str, rates: object, steps: int) -> Program:
    if isinstance(rates, str) or not isinstance(rates, Iterable):
        raise BadInput(f"technique `{name}` must return learning rates as a list, not {_shown(rates)}", hint=_RULE)
    rates = list(rates)
    if rates and all(isinstance(rate, Segment) for rate in rates):
        program = tuple(rates)
        length = None if program[-1].steps is None else sum(segment.steps or 0 for segment in program)
    else:
        program = stepwise([_number(name, step, rate) for step, rate in enumerate(rates)])
        length = len(rates)
    if length is not None and length != steps:
        raise BadInput(
            f"technique `{name}` must return the learning rates of {plural(steps, 'step')}, not {length:,}", hint=_RULE
        )
    for segment in program:
        for rate in (segment.rate, segment.final or 0.0):
            _number(name, None, rate)
    if len(program) > LONGEST:
        raise BadInput(
            f"technique `{name}` must change the learning rate in at most {LONGEST:,} steps: {len(program):,}",
            hint="return a program that functions of `workers.schedules` make, such as `schedules.ramp`",
        )
    return program


def _number(name: str, step: int | None, rate: Any) -> float:
    try:
        number = float(rate)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number < 0:
        where = "" if step is None else f" of step {step:,}"
        raise BadInput(
            f"technique `{name}` must return learning rates of at least 0; that{where} is {_shown(rate)}", hint=_RULE
        )
    return number


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, int | float | str) else type(value).__name__


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of `workers.describe` to a request with a `technique`: its name, arguments, and the dense training."""
    dense = DenseTraining(
        schedule=tuple(segment_from_json(segment) for segment in request["schedule"]),
        steps=request["steps"],
        last_rate=request["last_rate"],
    )
    try:
        chosen = choose(request["technique"], request["arguments"], dense, request["rewind_step"])
    except (InputError, BadInput) as error:
        return {"error": error.message, "hint": error.hint, "about": "technique"}
    return {"facts": {"start": chosen.start, "rates": [*map(canonical, chosen.rates)], "steps": chosen.steps}}
