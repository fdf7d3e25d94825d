"""The fingerprint of examples: from all their bytes, or declared by the user."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workers.errors import BadInput


@dataclass(frozen=True, slots=True)
class Declared:
    """A fingerprint that the user declares: a `name` of exactly these data, and the `reason` not to read all bytes.

    Nothing notices if the data change and the name does not. Raises BadInput without name or reason.
    """

    name: str
    reason: str

    def __post_init__(self) -> None:
        for field in ("name", "reason"):
            if not isinstance(value := getattr(self, field), str) or not value.strip():
                raise BadInput(f"a declared fingerprint must have a `{field}`, as text: {value!r}")

    @property
    def fingerprint(self) -> str:
        return f"declared:{self.name}"

    @property
    def note(self) -> str:
        return f"the fingerprint is declared, so changed data go unnoticed: {self.reason}"


class Fingerprint:
    """SHA-256 over everything that is added, in its order."""

    def __init__(self, kind: str) -> None:
        self._summary = hashlib.sha256(kind.encode())

    def add(self, name: str, value: Any) -> None:
        """Add a tensor, an array, a number, text, bytes or an image of Pillow, or a list, tuple or dict of them.

        Raises BadInput for anything else.
        """
        if isinstance(value, Tensor):
            self._add_bytes(f"{name}|{value.dtype}|{tuple(value.shape)}", tensor_bytes(value))
        elif isinstance(value, np.ndarray | np.generic) and value.dtype != object:
            self._add_bytes(f"{name}|{value.dtype}|{value.shape}", np.ascontiguousarray(value).tobytes())
        elif isinstance(value, Mapping):
            for key, item in value.items():
                self.add(f"{name}.{key}", item)
        elif isinstance(value, list | tuple):
            for position, item in enumerate(value):
                self.add(f"{name}.{position}", item)
        elif value is None or isinstance(value, bool | int | float | str | bytes):
            self._add_bytes(
                f"{name}|{type(value).__name__}", value if isinstance(value, bytes) else str(value).encode()
            )
        elif hasattr(value, "tobytes") and hasattr(value, "mode") and hasattr(value, "size"):
            self._add_bytes(f"{name}|{value.mode}|{value.size}", value.tobytes())
        else:
            raise BadInput(
                f"the fingerprint of `{name}` cannot be computed: {type(value).__name__}",
                hint="return tensors, arrays, numbers and text, or declare a fingerprint with "
                "`prunesweep.Declared(name, reason)`",
            )

    def text(self) -> str:
        """`sha256:` and 32 hexadecimal digits."""
        return f"sha256:{self._summary.hexdigest()[:32]}"

    def _add_bytes(self, what: str, data: Any) -> None:
        self._summary.update(f"|{what}|".encode(errors="surrogateescape"))
        self._summary.update(data)


def tensor_bytes(tensor: Tensor) -> Any:
    """The bytes of a tensor in its order, without a copy where it is contiguous."""
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data
