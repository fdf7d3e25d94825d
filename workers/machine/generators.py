"""The random generators that code may draw from, all seeded at once."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_NUMPY_SEEDS = 2**32


def seed_generators(number: int) -> None:
    """Seed the generators of torch (also the GPU's, once it is in use), NumPy and Python."""
    seed_cpu_generators(number)
    if torch.cuda.is_initialized():  # without CUDA, the call would format a stack trace (0.5 ms)
        torch.cuda.manual_seed(number)


def seed_cpu_generators(number: int) -> None:
    """Seed the generators of torch, NumPy and Python that draw on the CPU."""
    torch.default_generator.manual_seed(number)
    np.random.seed(number % _NUMPY_SEEDS)
    random.seed(number)


@contextmanager
def cpu_generators_restored() -> Iterator[None]:
    """Leave the generators that draw on the CPU as they were."""
    python, numpy, own = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.default_generator.set_state(own)
