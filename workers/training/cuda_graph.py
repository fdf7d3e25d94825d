"""The forward and backward pass of a step as one CUDA graph.

A small network's step is hundreds of kernels, each quicker than its launch. A graph launches them all at once: the
same kernels in the same order, so its bits are the same, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from workers.data.batches.share import WHOLE, BatchShare
from workers.data.batches.structure import Batch
from workers.data.image_facts import ImageFacts
from workers.models import is_shipped
from workers.training.exchange import Step
from workers.trial import CROSS_ENTROPY, Task


def is_graphable(task: Task, facts: Any, device: torch.device, share: BatchShare) -> bool:
    """Whether all steps launch the same kernels on equal shapes, and none waits for the GPU on the way.

    Code of the user may do anything, sentences differ in length, weighted and smoothed cross-entropy waits for the GPU,
    and groups of examples are clipped one by one.
    """
    return (
        device.type == "cuda"
        and share == WHOLE
        and isinstance(facts, ImageFacts)
        and is_shipped(task.network.name)
        and task.recipe.loss == CROSS_ENTROPY
        and not task.recipe.loss_arguments
        and task.recipe.clip_group is None
    )


class GraphedPass:
    """A pass that leaves gradients in the parameters, recorded at its first batch and replayed for every batch.

    Batches must have equal shapes. Dropout draws from the seed that the generator has at the replay. Between steps, the
    activations of a batch stay allocated.
    """

    def __init__(self, network: nn.Module, parameters: Sequence[Tensor]) -> None:
        self._network = network
        self._parameters = parameters
        self._replay: Callable[[], None] | None = None

    def __call__(self, backward: Callable[[Batch], Step], batch: Batch) -> Step:
        """What `backward` does and returns. It is not kept, since it may refer to whoever has this pass."""
        if self._replay is None:
            self._replay = self._record(backward, batch)
        for recorded, new in zip(self._batch, _tensors(batch), strict=True):
            assert recorded.shape == new.shape
            recorded.copy_(new)
        self._replay()
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient
        loss, correct, examples = self._step
        return Step(loss.clone(), None if correct is None else correct.clone(), examples)  # the next replay overwrites

    def _record(self, backward: Callable[[Batch], Step], batch: Batch) -> Callable[[], None]:
        """Record the pass, which runs a few times for this: running statistics and generators stay as they are."""
        inputs, targets = _tensors(batch)
        self._batch = (inputs.clone(), targets.clone())
        buffers = {name: buffer.clone() for name, buffer in self._network.named_buffers()}
        with torch.random.fork_rng([inputs.device] if inputs.is_cuda else []):
            self._step, replay = _capture(partial(self._pass, backward))
        self._gradients = [parameter.grad for parameter in self._parameters]
        for name, buffer in self._network.named_buffers():
            buffer.copy_(buffers[name])
        return replay

    def _pass(self, backward: Callable[[Batch], Step]) -> Step:
        for parameter in self._parameters:
            parameter.grad = None
        return backward(self._batch)


def _tensors(batch: Batch) -> tuple[Tensor, Tensor]:
    """Images and labels."""
    inputs, targets = batch
    assert isinstance(inputs, Tensor)
    assert isinstance(targets, Tensor)
    return inputs, targets


def _capture(run: Callable[[], Step]) -> tuple[Step, Callable[[], None]]:
    """What `run` returns, in memory that stays the same, and a function that computes it again there.

    Libraries of CUDA set themselves up at the first calls, which cannot be recorded.
    """
    current, other = torch.cuda.current_stream(), _other_stream()
    other.wait_stream(current)
    with torch.cuda.stream(other):
        for _ in range(2):
            run()
    current.wait_stream(other)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=other, capture_error_mode="thread_local"):  # other threads may read ahead
        step = run()
    return step, graph.replay


@cache
def _other_stream() -> torch.cuda.Stream:
    """One for all trials: libraries keep a workspace for each stream."""
    return torch.cuda.Stream()
