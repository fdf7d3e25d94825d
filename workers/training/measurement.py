"""Gradients and inputs of a network on training batches, for the scores that ask for them.

They come from a second trainer, which computes as the trial does but never takes a step: BatchNorm statistics and all
else that a batch changes never reach the trial. Random generators are left as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from workers.errors import BadInput, Diverged
from workers.machine.generators import cpu_generators_restored
from workers.training.losses import remedy_of_divergence
from workers.trial import Recipe


class Measured(Protocol):
    """What a measurement needs of a trainer."""

    recipe: Recipe
    model: nn.Module
    weights: dict[str, nn.Parameter]

    def forward(self, index: int) -> tuple[Any, Any, Tensor]: ...


class Measurement:
    """The evidence for a score (see `workers.pruning.evidence`). `make` makes the trainer, once it is needed."""

    def __init__(self, make: Callable[[], Measured]) -> None:
        self._make = make

    @cached_property
    def _trainer(self) -> Measured:
        return self._make()

    def gradients(self, batches: int) -> Iterator[dict[str, Tensor]]:
        """The gradients of the loss of each batch. Raises Diverged for a loss that is not finite."""
        for index in range(batches):
            with _generators_restored():
                yield self._gradients(index)

    def _gradients(self, index: int) -> dict[str, Tensor]:
        trainer = self._trainer
        parameters = [self._parameter(name) for name in trainer.weights]
        _, _, loss = trainer.forward(index)
        if not bool(torch.isfinite(loss)):
            message = f"the loss of the network to prune is not finite: {loss.item()}"
            raise Diverged(message, hint=remedy_of_divergence(trainer.recipe, 0))
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        return {
            name: gradient.detach().to("cpu", torch.float32, copy=True).contiguous()
            for name, gradient in zip(trainer.weights, gradients, strict=True)
        }

    def inputs(self, weight: str, batches: int) -> list[Tensor]:
        """The first tensor of each call of the layer that a weight belongs to, on the CPU."""
        layer = weight.rpartition(".")[0]
        calls: list[Tensor] = []

        def note(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
            tensors = [value for value in (*arguments, *named.values()) if isinstance(value, Tensor)]
            calls.extend(tensor.detach().to("cpu", copy=True).contiguous() for tensor in tensors[:1])

        self._parameter(weight)
        hook = self._trainer.model.get_submodule(layer).register_forward_pre_hook(note, with_kwargs=True)
        try:
            for index in range(batches):
                with _generators_restored(), torch.no_grad():
                    self._trainer.forward(index)
        finally:
            hook.remove()
        if not calls:
            raise BadInput(
                f"the inputs of weight `{weight}` are unknown: its layer `{layer}` is never called as a module",
                hint="use a score without `inputs`, or leave the weight out with `exclude`",
            )
        return calls

    def _parameter(self, name: str) -> nn.Parameter:
        parameter = dict(self._trainer.model.named_parameters()).get(name)
        if parameter is None:
            raise BadInput(
                f"`{name}` has no gradient or input itself, because its layer computes it from other parameters",
                hint="use a score without `gradient`, `gradients` and `inputs`, or leave the weight out with `exclude`",
            )
        return parameter


@contextmanager
def _generators_restored() -> Iterator[None]:
    """Leave the random generators of torch (also the GPU's), NumPy and Python as they were."""
    with cpu_generators_restored(), torch.random.fork_rng():
        yield
