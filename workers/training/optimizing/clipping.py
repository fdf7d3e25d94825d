"""Gradients of groups of examples that are clipped apart, as on the cores of a TPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from workers.data.batches.structure import Batch, Values, examples, mapped
from workers.training.exchange import Step


def clipped_apart(
    batch: Batch,
    size: int,
    parameters: Sequence[Tensor],
    backward: Callable[[Batch], Step],
    clip: Callable[[], None],
) -> Step:
    """Leave the sum of the clipped gradients of each `size` consecutive examples in the parameters.

    `backward` adds the gradient of some examples to the parameters, and `clip` changes what it left there. Returns
    what the whole step is judged by.
    """
    sums: list[Tensor | None] = [None] * len(parameters)
    steps = []
    for group in groups(batch, size):
        for parameter in parameters:
            parameter.grad = None
        steps.append(backward(group))
        clip()
        for index, parameter in enumerate(parameters):
            so_far, gradient = sums[index], parameter.grad
            if gradient is not None:
                sums[index] = gradient if so_far is None else so_far.add_(gradient)
    for parameter, gradient in zip(parameters, sums, strict=True):
        parameter.grad = gradient
    return _together(steps)


def groups(batch: Batch, size: int) -> Iterator[Batch]:
    """Consecutive parts of a batch, with `size` examples each."""
    inputs, targets = batch
    for begin in range(0, examples(targets), size):
        yield _part(inputs, begin, begin + size), _part(targets, begin, begin + size)


def _part(values: Values, begin: int, end: int) -> Values:
    return mapped(lambda tensor: tensor[begin:end], values)


def _together(steps: Sequence[Step]) -> Step:
    """The mean loss of all examples, and the sums of what is counted."""
    count = sum(step.examples for step in steps)
    loss = sum((step.loss * (step.examples / count) for step in steps[1:]), steps[0].loss * (steps[0].examples / count))
    correct = steps[0].correct
    for step in steps[1:]:
        correct = None if correct is None or step.correct is None else correct + step.correct
    return Step(loss, correct, count)
