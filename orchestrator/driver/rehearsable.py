"""A task that has to be rehearsed, and what the store keeps of its rehearsals."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.sweep.problems import KeyPath
from workers.errors import CorruptFile
from workers.store import Store
from workers.trial import Task, canonical, digest


def rehearsals_key(task: Task) -> str:
    """The key of the facts that keep the rehearsals of a task."""
    return digest({"rehearsals": canonical(task)})[:16]


@dataclass(frozen=True, slots=True)
class Rehearsable:
    """A task that has to be rehearsed, how, and where its parts are in the sweep file.

    `pinned` is what the store has of its rehearsals, by kind.
    """

    task: Task
    how: Mapping[str, Any]
    places: Mapping[str, KeyPath]
    pinned: dict[str, dict[str, Any]]

    @property
    def key(self) -> str:
        """The key of the facts that keep its rehearsals."""
        return rehearsals_key(self.task)

    @property
    def request(self) -> dict[str, Any]:
        """What `workers.describe.second_process` is asked."""
        task = canonical(self.task)
        return {name: task[name] for name in ("dataset", "network", "recipe")} | {"rehearsal": dict(self.how)}

    @classmethod
    def pinned_in(
        cls, store: Store, task: Task, how: Mapping[str, Any], places: Mapping[str, KeyPath] | None = None
    ) -> Rehearsable:
        """A task with what the store has of its rehearsals."""
        item = cls(task, how, places or {}, {})
        with contextlib.suppress(CorruptFile):  # it is done again and written again
            item.pinned.update((store.sweeps.facts(item.key) or {}).get("rehearsals", {}))
        return item

    def pin(self, store: Store, kind: str, found: Mapping[str, Any]) -> None:
        """Keep in the store what was found on a kind."""
        self.pinned[kind] = {**self.how, **found}
        store.sweeps.pin_facts(self.key, {"rehearsals": self.pinned})

    def is_rehearsed_on(self, kind: str) -> bool:
        """Whether the store has a rehearsal on a kind, done as it is now asked for."""
        done = self.pinned.get(kind, {})
        return all(done.get(name) == value for name, value in self.how.items())
