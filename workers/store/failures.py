"""How a trial failed, as a store keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from workers.errors import Outcome, with_hint

_HINT = "\n\nhint: "  # early versions wrote the hint at the end of the reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """How a trial failed: the class of its outcome, the reason, and a hint what to do about it (empty if unknown).

    `step` is the last step known to be reached, `host` where it ran, `at` when it failed (ISO 8601, UTC); `traceback`
    is that of an unexpected exception, `log` the path of the attempt's log in the store, and `attempts` counts the
    failed attempts by outcome.
    """

    outcome: Outcome
    reason: str
    hint: str = ""
    step: int | None = None
    host: str | None = None
    at: str | None = None
    traceback: str | None = None
    attempts: Mapping[str, int] = field(default_factory=dict)
    log: str | None = None

    @property
    def first_line(self) -> str:
        """The first line of the reason."""
        return next(iter(self.reason.splitlines()), "")

    @property
    def explanation(self) -> str:
        """All that is known of the cause: the traceback if there is one, else the reason and the hint."""
        return self.traceback or with_hint(self.reason, self.hint)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Failure:
        """The failure that `to_json` of this or another version gave. Raises ValueError for anything else."""
        values = {name: data[name] for name in cls.__slots__ if data.get(name) is not None}
        if not isinstance(values.get("outcome"), str) or not isinstance(values.get("reason"), str):
            raise ValueError("has no outcome or no reason")
        if "hint" not in data:
            values["reason"], _, values["hint"] = values["reason"].partition(_HINT)
        return cls(**values)
