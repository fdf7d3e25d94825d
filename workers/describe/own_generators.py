"""Random generators that the user's code keeps for itself: they are neither seeded at every step nor saved."""

from __future__ import annotations

import pickle
import random
import sys
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from workers.registry import is_own
from workers.training.trainer import Trainer

Generator = random.Random | np.random.Generator | np.random.RandomState | torch.Generator


def generator_states(trainer: Trainer) -> dict[str, bytes]:
    """The states of the generators in the layers of a network, and in the Python modules of it and of its loss."""
    return {name: _state(value) for name, value in _values(trainer) if isinstance(value, Generator)}


def _values(trainer: Trainer) -> Iterator[tuple[str, object]]:
    """The attributes of layers (`block.rng`) and the variables of modules (`my_network.RNG`), by name."""
    for path, layer in trainer.model.named_modules():
        yield from ((f"{path}.{name}" if path else name, value) for name, value in vars(layer).items())
    for module in sorted(_modules(trainer.model, (trainer.trial.task.network.name, trainer.recipe.loss))):
        yield from ((f"{module}.{name}", value) for name, value in vars(sys.modules[module]).items())


def _modules(network: nn.Module, functions: tuple[str, ...]) -> set[str]:
    named = {function.partition(":")[0] for function in functions if is_own(function)}
    return {name for name in named | {type(layer).__module__ for layer in network.modules()} if name in sys.modules}


def _state(generator: Generator) -> bytes:
    if isinstance(generator, torch.Generator):
        return generator.get_state().numpy().tobytes()
    if isinstance(generator, np.random.Generator):
        return pickle.dumps(generator.bit_generator.state)
    return pickle.dumps(generator.getstate() if isinstance(generator, random.Random) else generator.get_state())
