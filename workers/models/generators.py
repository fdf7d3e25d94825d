"""The random generators that a network's code may draw from, all seeded at once."""

from __future__ import annotations

import random

import numpy as np
import torch

_NUMPY_SEEDS = 2**32


def seed_generators(number: int) -> None:
    """Seed the generators of torch (also the GPU's, once it is in use), NumPy and Python."""
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_initialized():  # without CUDA, the call would format a stack trace (0.5 ms)
        torch.cuda.manual_seed(number)
    np.random.seed(number % _NUMPY_SEEDS)
    random.seed(number)
