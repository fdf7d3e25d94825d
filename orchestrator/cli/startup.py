"""Keeping the command line quick to start."""

from __future__ import annotations

import sys
from typing import Any

import pyarrow as pa


def spare_pandas() -> None:
    """Keep pyarrow from importing pandas (0.3 s) when it first makes an array of a list, to see if it is a Series.

    It tries once; what asks for pandas by name gets it all the same.
    """
    sys.meta_path.insert(0, _WithoutPandas)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(_WithoutPandas)


class _WithoutPandas:
    """Finds no module, and lets nobody else find pandas."""

    @staticmethod
    def find_spec(name: str, *_: Any) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("not needed", name=name)
