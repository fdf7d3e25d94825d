"""Keeping the command line quick to start."""

from __future__ import annotations

import sys
from typing import Any

import pyarrow as pa


def spare_pandas() -> None:
    """Keep pyarrow from importing pandas (0.3 s), which it does once, to check whether a list is a Series.

    Code that imports pandas by name gets it.
    """
    sys.meta_path.insert(0, _WithoutPandas)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(_WithoutPandas)


class _WithoutPandas:
    """A finder of modules that hides pandas."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("not needed", name=name)
