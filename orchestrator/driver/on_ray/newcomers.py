"""The rehearsal on kinds of nodes that join a cluster while a sweep runs: the first trial there begins with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.driver.rehearsable import Rehearsable
from workers.errors import BadInput
from workers.store import Store
from workers.trial import Task


@dataclass(frozen=True, slots=True)
class Newcomers:
    """What the worker of a trial has to know: `how` tasks are rehearsed, and on which `kinds` that has been done."""

    how: Mapping[str, Any]
    kinds: frozenset[str]

    def check(self, task: Task, store: Store, folder: str) -> None:
        """Rehearse a task in this process, unless its machine is of a kind on which that has been done.

        Raises BadInput where trials would fail. `folder` has the user's code.
        """
        from workers.describe.rehearsal import Rehearsal
        from workers.describe.second_process import rehearse_twice
        from workers.machine.kind import kind_of_machine

        kind = kind_of_machine(self.how["device"])
        item = Rehearsable.pinned_in(store, task, self.how)
        if kind in self.kinds or item.is_rehearsed_on(kind) or not Rehearsal.of_request(item.request).needed:
            return
        [row] = rehearse_twice([item.request], folder)
        if "error" in row:
            raise BadInput(f"the rehearsal fails on this kind of node ({kind}): {row['error']}", hint=row["hint"])
        item.pin(store, kind, row["found"])
