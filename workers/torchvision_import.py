"""torchvision, imported only when needed: it must be the one that was built for this torch."""

from __future__ import annotations

import importlib
from types import ModuleType

import torch

from workers.errors import InputError


def torchvision(part: str) -> ModuleType:
    """`torchvision.<part>`. Raises InputError with a hint if torchvision and torch do not fit."""
    try:
        return importlib.import_module(f"torchvision.{part}")
    except (ImportError, RuntimeError, OSError) as error:  # `operator torchvision::nms does not exist`, and the like
        raise InputError(
            f"torchvision cannot be imported with torch {torch.__version__}: {error}",
            hint="install the torchvision that was released together with this torch, from the same package index",
        ) from error
