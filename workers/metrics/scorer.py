"""What computes a score."""

from __future__ import annotations

from typing import Any, Protocol


class Scorer(Protocol):
    """A metric at work: a new one for each set of examples, which it is given in batches.

    The score must not depend on how the examples are cut into batches.
    """

    def update(self, outputs: Any, targets: Any) -> None:
        """Take in a batch: what the network returned, and the targets, on the same device."""

    def compute(self) -> float:
        """The score over all examples so far. Raises `Undefined` if they do not have one."""


class Undefined(ValueError):
    """Some examples do not have a score; the message says why."""
