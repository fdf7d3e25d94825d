"""What `workers.describe` is asked for a plan."""

from __future__ import annotations

from typing import Any

from workers.trial import canonical, digest


class Request:
    """The base of questions, which are frozen dataclasses. Stores keep the answer to one under its `key`."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        data: dict[str, Any] = canonical(self)
        return data

    @property
    def key(self) -> str:
        return digest(self.to_json())[:16]
