"""`prunesweep verify`: read every file of a store, recompute its checksum, and name every problem."""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from orchestrator.upkeep.store_check import LEFT_IN_PLACE, StoreProblem, lease_problems, store_problems
from workers.errors import hint_line
from workers.store import Store, layout
from workers.store.lease import Lease
from workers.store.marker import write_marker
from workers.text import plural, printable, size


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What is wrong in a store, and how many files were read; `repaired` says whether it was moved to quarantine."""

    store: str
    files: int
    bytes: int
    problems: list[StoreProblem]
    repaired: bool

    def to_json(self) -> dict[str, Any]:
        rest = ("store", "files", "bytes", "repaired")
        return {name: getattr(self, name) for name in rest} | {
            "findings": [problem._asdict() for problem in self.problems]
        }

    def __str__(self) -> str:
        head = f"Store {self.store}: {plural(self.files, 'file')} read ({size(self.bytes)})"
        if not self.problems:
            return f"{head}, no problems found"
        counts = Counter(problem.kind for problem in self.problems)
        lines = [f"{head}, {', '.join(f'{count:,} {kind}' for kind, count in counts.items())}"]
        lines += [printable(f"  ✘ {problem.kind}  {problem.path}: {problem.reason}") for problem in self.problems]
        if any(problem.kind == "unreadable" for problem in self.problems):
            lines.append(hint_line("let this user read the unreadable files, or try again after an outage"))
        return "\n".join(lines + (self._repairs() if self.repaired else self._hints()))

    @property
    def _movable(self) -> bool:
        return any(problem.kind not in LEFT_IN_PLACE for problem in self.problems)

    @property
    def _lacks_marker(self) -> bool:
        return any(problem.path == layout.MARKER for problem in self.problems)

    def _repairs(self) -> list[str]:
        moved = (
            "moved damaged and foreign files to quarantine/ (except unreadable ones and those of a newer version); "
            "the next run fills gaps"
        )
        restored = f"restored `{layout.MARKER}`"
        return ([moved] if self._movable else []) + ([restored] if self._lacks_marker else [])

    def _hints(self) -> list[str]:
        move = "`prunesweep verify --repair` moves damaged and foreign files to quarantine/; the next run fills gaps"
        restore = f"`prunesweep verify --repair` restores `{layout.MARKER}`"
        hints = ([move] if self._movable else []) + ([restore] if self._lacks_marker else [])
        return [hint_line(hint) for hint in hints]


def verify(store: Store, *, repair: bool = False) -> Verification:
    """Read every file of a store; with `repair`, move those with a problem to `quarantine/`. Deletes nothing.

    Raises StoreError if something is to be moved while a driver is at work, OSError if the store cannot be read.
    """
    unclear = lease_problems(store)
    if repair:
        for problem in unclear:
            _set_aside(store, problem.path)
    with Lease(store) if repair else nullcontext():
        sizes = store.files.sizes("")
        problems = {problem.path: problem for problem in store_problems(store)}
        if repair:
            _repair(store, list(problems.values()))
    return Verification(
        store=store.location,
        files=len(sizes),
        bytes=sum(sizes.values()),
        problems=sorted([*unclear, *problems.values()]),
        repaired=repair,
    )


def _repair(store: Store, problems: list[StoreProblem]) -> None:
    for problem in problems:
        if problem.kind not in LEFT_IN_PLACE:
            _set_aside(store, problem.path)
    if store.marker_problem is not None:
        write_marker(store.files)


def _set_aside(store: Store, path: str) -> None:
    """Move to the quarantine, under the same path; if that is taken, in a numbered folder there."""
    for number in itertools.count(1):
        try:
            store.files.move(path, layout.quarantine_path(path, number))
        except (FileExistsError, NotADirectoryError):
            continue
        except FileNotFoundError:
            pass  # deleted meanwhile
        return
