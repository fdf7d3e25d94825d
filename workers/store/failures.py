"""The failures of a store: how trials failed, and how often attempts at them have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from workers.errors import CorruptFile, Outcome, with_hint
from workers.store import layout
from workers.store.checksummed import from_json, to_json
from workers.store.filesystems.files import Files
from workers.store.many_files import map_paths

_HINT = "\n\nhint: "  # early versions wrote the hint at the end of the reason
_VARYING = re.compile(r"\b(nan|inf|[0-9a-f]{16,}|\d[\d,]*(\.\d+)?(e[+-]?\d+)?)\b")


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
    def cause(self) -> tuple[str, str]:
        """What failures with the same cause share: the outcome, and the first line with `#` in place of numbers."""
        return self.outcome, _VARYING.sub("#", self.first_line)

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


class Failures:
    """See `workers.store.store.Store`, of which this is a part."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def write(self, trial: str, failure: Failure) -> None:
        """Keep how a trial failed; replaces an earlier failure."""
        self._files.write(layout.failure_path(trial), to_json(failure.to_json()))

    def read(self, trial: str) -> Failure | None:
        """How a trial failed; None if it has not. A damaged file still says that it has."""
        path = layout.failure_path(trial)
        try:
            return Failure.of_json(from_json(path, self._files.read(path)))
        except FileNotFoundError:
            return None
        except (CorruptFile, OSError, ValueError) as error:
            return Failure(outcome="io", reason=f"the failure record is unreadable: {error}")

    def read_all(self) -> dict[str, Failure]:
        """The failures of all failed trials, by trial id."""
        return self.read_some(self._trials(layout.FAILURES))

    def read_some(self, trials: Iterable[str]) -> dict[str, Failure]:
        """The failures of those of some trials that have failed, by trial id. Many are read at once."""
        names = list(trials)
        failures = zip(names, map_paths(self.read, names), strict=True)
        return {trial: failure for trial, failure in failures if failure is not None}

    def delete(self, trial: str) -> None:
        """Let a trial run again, with all its retries."""
        self._files.delete(layout.failure_path(trial))
        self._files.delete(layout.failed_attempts_path(trial))
        self._files.delete(layout.old_failed_attempts_path(trial))

    def write_failed_attempts(self, trial: str, counts: Mapping[str, int]) -> None:
        """Keep how often attempts at a trial have failed, by outcome, so that the next driver continues counting."""
        self._files.write(layout.failed_attempts_path(trial), to_json(dict(counts)))

    def failed_attempts(self, trial: str) -> dict[str, int]:
        """How often attempts at a trial have failed, by outcome; empty if unknown."""
        for path in (layout.failed_attempts_path(trial), layout.old_failed_attempts_path(trial)):
            try:
                counts = from_json(path, self._files.read(path))
            except (CorruptFile, OSError):
                continue
            return {outcome: count for outcome, count in counts.items() if isinstance(count, int)}
        return {}

    def trials_with_failed_attempts(self) -> set[str]:
        """The trials with at least one failed attempt that is still counted."""
        return {*self._trials(layout.FAILED_ATTEMPTS), *self._trials(layout.OLD_FAILED_ATTEMPTS)}

    def _trials(self, folder: str) -> list[str]:
        trials = (layout.parse_data_path(f"{folder}/{name}") for name in self._files.names(folder))
        return [trial for trial in trials if trial is not None]
