"""The checks of nodes that join a cluster while a sweep runs: the first trial there begins with them."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.driver.rehearsable import Rehearsable
from workers.errors import BadInput, MissingStore, StoreError
from workers.machine.installation import versions
from workers.store import Store
from workers.store.lease_owner import read_owner
from workers.training.attempt import Bounds
from workers.trial import Dataset, Task

_LASTING = (errno.EACCES, errno.EPERM, errno.EROFS)  # a store that is down answers otherwise


@dataclass(frozen=True, kw_only=True, slots=True)
class Newcomers:
    """What the worker of a trial has to know to check its node.

    checked: the ids of the nodes that were asked before the start. versions: those that the driver has.
    how: how tasks are rehearsed. kinds: those on which that has been done; None if no task needs it.
    """

    checked: frozenset[str]
    versions: Mapping[str, str]
    how: Mapping[str, Any]
    kinds: frozenset[str] | None

    def check_node(self, node: str, location: str, bounds: Bounds) -> None:
        """Raise BadInput if the node of this process has other versions, or not the store that the driver leases.

        Raises StoreError or OSError if the store is down.
        """
        if node in self.checked:
            return
        for name, version in versions().items():
            if version != self.versions[name]:
                raise BadInput(f"{name} {version}, not {self.versions[name]} as where the driver runs")
        if problem := _store_problem(location, bounds):
            raise BadInput(f"cannot use store `{location}`: {problem}")

    def check_task(self, node: str, task: Task, store: Store, folder: str) -> None:
        """Raise BadInput where the trials of a task would fail: without its data, or in a rehearsal.

        `folder` has the user's code.
        """
        if node not in self.checked:
            _check_data(task.dataset)
        if self.kinds is not None:
            self._rehearse(task, store, folder)

    def _rehearse(self, task: Task, store: Store, folder: str) -> None:
        """Rehearse a task in this process, unless its machine is of a kind on which that has been done."""
        from workers.describe.rehearsal import Rehearsal
        from workers.describe.second_process import rehearse_twice
        from workers.machine.kind import kind_of_machine

        kind = kind_of_machine(self.how["device"])
        item = Rehearsable.pinned_in(store, task, self.how)
        if kind in (self.kinds or ()) or item.is_rehearsed_on(kind) or not Rehearsal.of_request(item.request).needed:
            return
        [row] = rehearse_twice([item.request], folder)
        if "error" in row:
            raise BadInput(f"the rehearsal fails on this kind of node ({kind}): {row['error']}", hint=row["hint"])
        item.pin(store, kind, row["found"])


def _store_problem(location: str, bounds: Bounds) -> str:
    """Why this node cannot use the store for as long as the sweep runs; empty if it can."""
    try:
        store = Store(location)
        store.check_writable()
        owner = read_owner(store.files, bounds.lease_path)
    except MissingStore:
        return "no store is at that place"
    except (OSError, StoreError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, OSError) and cause.errno in _LASTING:
            return str(cause.strerror)
        raise
    return "" if owner is not None and owner.token == bounds.lease else "another store is at that place"


def _check_data(dataset: Dataset) -> None:
    """Raise BadInput if a data set is not here, or not as it was planned."""
    from workers.data.loading import load_source

    with contextlib.suppress(OSError):  # the attempt itself is tried again
        load_source(dataset)
