"""Learning rates as pure functions of the step.

A program is a sequence of segments, counted from step 0 (the first optimizer step). A rate changes *after* its
boundary: step i still has the old rate if i ≤ boundary, like the piecewise constants of the paper's code (with
boundary 35,546, step 35,546 trains at 0.1 and step 35,547 at 0.01).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Literal

from workers.trial import Segment

Program = tuple[Segment, ...]
Shape = Literal["linear", "cosine", "exponential"]


def rate(program: Sequence[Segment], step: int) -> float:
    """The learning rate of a step (from 0). Raises ValueError after the last step of a program that ends."""
    for segment in program:
        if segment.steps is None or step < segment.steps:
            return _rate_within(segment, step)
        step -= segment.steps
    raise ValueError(f"the learning-rate program ends {step + 1} steps before this one")


def _rate_within(segment: Segment, step: int) -> float:
    if segment.shape == "constant":
        return segment.rate
    assert segment.final is not None
    assert segment.length is not None
    fraction = float((segment.offset + step) / segment.length)
    if segment.shape == "linear":
        return segment.rate + (segment.final - segment.rate) * fraction
    if segment.shape == "exponential":
        return segment.final * (segment.rate / segment.final) ** (1 - fraction)
    return segment.final + (segment.rate - segment.final) * (1 + math.cos(math.pi * fraction)) / 2


def constant(value: float) -> Program:
    """The same rate at every step."""
    return (Segment(rate=value),)


def stepwise(rates: Sequence[float]) -> Program:
    """One rate for each step."""
    return _merged([Segment(rate=value, steps=1) for value in rates])


def piecewise(
    peak: Fraction,
    boundaries: Sequence[Fraction],
    factors: Sequence[Fraction],
    warmup: Fraction,
    warmup_from: Fraction = Fraction(0),
) -> Program:
    """After a warm-up `peak`, times factors[0] after step boundaries[0] and so on (ascending).

    A warm-up is linear from 0, or exponential from the share `warmup_from` of the peak.
    """
    segments = list(_warm_up(peak, warmup, start=warmup_from))
    begin = sum(segment.steps or 0 for segment in segments)
    for boundary, factor in zip(boundaries, (Fraction(1), *factors), strict=False):
        end = math.floor(boundary) + 1
        if end > begin:
            segments.append(Segment(rate=float(peak * factor), steps=end - begin))
            begin = end
    segments.append(Segment(rate=float(peak * (factors[-1] if factors else 1))))
    return _merged(segments)


def ramp(
    shape: str,
    peak: Fraction,
    final: Fraction,
    warmup: Fraction,
    total: int,
    rise: Shape = "linear",
    warmup_from: Fraction = Fraction(0),
) -> Program:
    """After a warm-up, from `peak` to `final` along a `linear` or `cosine` ramp that ends at step `total`.

    The warm-up rises from 0 in the shape `rise`, or exponentially from the share `warmup_from` of the peak.
    """
    segments = list(_warm_up(peak, warmup, rise, warmup_from))
    begin = sum(segment.steps or 0 for segment in segments)
    down = Segment(
        shape="linear" if shape == "linear" else "cosine",
        rate=float(peak),
        final=float(final),
        steps=total - begin,
        length=total - warmup,
        offset=begin - warmup,
    )
    return (*segments, down)


def one_cycle(peak: Fraction, lowest: Fraction, final: Fraction, steps: int) -> Program:
    """From `lowest` to `peak` in the first tenth of `steps`, then to `final`, both along a cosine.

    Smith & Topin 2017, *Super-convergence*; equals torch.optim.lr_scheduler.OneCycleLR at every step.
    """
    rise = Fraction(steps, 10) - 1  # the step of the peak
    begin = max(0, math.floor(rise) + 1) if rise else 0
    down = Segment(
        shape="cosine",
        rate=float(peak),
        final=float(final),
        steps=steps - begin,
        length=steps - 1 - rise,
        offset=begin - rise,
    )
    if not begin:
        return (down,)
    return (Segment(shape="cosine", rate=float(lowest), final=float(peak), steps=begin, length=rise), down)


def squeezed(program: Sequence[Segment], total: int, peak: Fraction, warmup: Fraction, steps: int) -> Program:
    """A linear warm-up to `peak`, then the first `total` steps of a program squeezed into the rest of `steps`."""
    segments = list(_warm_up(peak, warmup))
    begin = sum(segment.steps or 0 for segment in segments)
    scale = (steps - warmup) / total
    passed = 0
    for segment in program:
        origin = warmup + passed * scale
        passed = total if segment.steps is None else min(total, passed + segment.steps)
        end = math.ceil(warmup + passed * scale)
        if end > begin:
            segments.append(_scaled(segment, scale, begin - origin, end - begin))
            begin = end
    return _merged(segments)


def _scaled(segment: Segment, scale: Fraction, offset: Fraction, steps: int) -> Segment:
    """`steps` steps of a segment stretched by `scale`, starting `offset` steps into it."""
    if segment.length is None:
        return replace(segment, steps=None if segment.steps is None else steps)
    return replace(segment, steps=steps, length=segment.length * scale, offset=segment.offset * scale + offset)


def _warm_up(peak: Fraction, warmup: Fraction, shape: Shape = "linear", start: Fraction = Fraction(0)) -> Program:
    if warmup <= 0:
        return ()
    if start:
        shape = "exponential"
    first = float(start * peak)
    return (Segment(shape=shape, rate=first, final=float(peak), steps=math.floor(warmup) + 1, length=warmup),)


def warm_up_steps(program: Sequence[Segment]) -> int:
    """How many steps of a program are a warm-up: its first segment, if that rises."""
    first = program[0]
    rises = first.final is not None and first.final > first.rate
    return (first.steps or 0) if rises else 0


def highest(program: Sequence[Segment]) -> Fraction:
    """The highest rate of a program, including the ends of its ramps."""
    return Fraction(max(max(segment.rate, segment.final or 0.0) for segment in program))


def after(program: Sequence[Segment], step: int) -> Program:
    """The rest of a program after `step` steps, counted from there."""
    rest = []
    for segment in program:
        if segment.steps is None or step < segment.steps:
            steps = None if segment.steps is None else segment.steps - step
            offset = segment.offset if segment.shape == "constant" else segment.offset + step
            rest.append(replace(segment, steps=steps, offset=offset))
            step = 0
        else:
            step -= segment.steps
    return _merged(rest)


def then(program: Sequence[Segment], total: int, last: float) -> Program:
    """A program up to step `total`, followed by a constant rate."""
    kept, begin = [], 0
    for segment in program:
        steps = total - begin if segment.steps is None else min(segment.steps, total - begin)
        if steps > 0:
            kept.append(replace(segment, steps=steps))
        begin += steps
    return _merged([*kept, Segment(rate=last)])


def constant_end(program: Sequence[Segment]) -> float | None:
    """The last rate of a program, or None if it does not end with a constant rate."""
    last = program[-1]
    return last.rate if last.shape == "constant" else None


def _merged(segments: Sequence[Segment]) -> Program:
    """Merge adjacent segments of one constant rate, so that equal programs are written alike."""
    merged: list[Segment] = []
    for segment in segments:
        previous = merged[-1] if merged else None
        if previous and previous.shape == segment.shape == "constant" and previous.rate == segment.rate:
            assert previous.steps is not None
            steps = None if segment.steps is None else previous.steps + segment.steps
            merged[-1] = replace(previous, steps=steps)
        else:
            merged.append(segment)
    return tuple(merged)
