"""`prunesweep verify`: read every file of a store, recompute its checksum, and name what is not as it should be."""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from orchestrator.driver.lease import Lease
from orchestrator.upkeep.store_check import Finding, findings, lease_finding
from workers.store import lease
from workers.store.marker import MARKER, write_marker
from workers.store.store import Store
from workers.text import plural, printable, size

_LEFT_IN_PLACE = ("newer", "missing")


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """What was found in how many files; `repaired` says whether it was moved to the quarantine."""

    store: str
    files: int
    bytes: int
    findings: list[Finding]
    repaired: bool

    def to_json(self) -> dict[str, Any]:
        findings = [finding._asdict() for finding in self.findings]
        rest = ("store", "files", "bytes", "repaired")
        return {name: getattr(self, name) for name in rest} | {"findings": findings}

    def __str__(self) -> str:
        head = f"Store {self.store}: {plural(self.files, 'file')} read ({size(self.bytes)})"
        if not self.findings:
            return f"{head}, all as they should be"
        counts = Counter(finding.kind for finding in self.findings)
        lines = [f"{head}, {', '.join(f'{count:,} {kind}' for kind, count in counts.items())}"]
        lines += [printable(f"  ✘ {finding.kind}  {finding.path}: {finding.reason}") for finding in self.findings]
        if any(finding.kind not in _LEFT_IN_PLACE for finding in self.findings):
            lines.append(
                "moved to quarantine/ (all but what a newer version wrote); the next run makes it anew"
                if self.repaired
                else "hint: `prunesweep verify --repair` moves it to quarantine/, so that the next run makes it anew"
            )
        if any(finding.path == MARKER for finding in self.findings):
            lines.append(
                f"wrote `{MARKER}` anew"
                if self.repaired
                else f"hint: `prunesweep verify --repair` writes `{MARKER}` anew"
            )
        return "\n".join(lines)


def verify(store: Store, *, repair: bool = False) -> Verification:
    """Look at every file of a store; with `repair`, move what is found to `quarantine/`. Deletes nothing.

    Raises StoreError while a driver is at work where something is to be moved, OSError where the store cannot be read.
    """
    unclear = lease_finding(store)
    if repair and unclear:
        _set_aside(store, lease.PATH)
    with Lease(store) if repair else nullcontext():
        sizes = store.files.sizes("")
        found = {finding.path: finding for finding in findings(store)}
        if repair:
            _repair(store, list(found.values()))
    return Verification(
        store=store.location,
        files=len(sizes),
        bytes=sum(sizes.values()),
        findings=sorted([*([unclear] if unclear else []), *found.values()]),
        repaired=repair,
    )


def _repair(store: Store, found: list[Finding]) -> None:
    for finding in found:
        if finding.kind not in _LEFT_IN_PLACE:
            _set_aside(store, finding.path)
    if store.marker_problem is not None:
        write_marker(store.files)


def _set_aside(store: Store, path: str) -> None:
    """Move to the quarantine, under its own path; where that is taken, in a numbered folder there."""
    for number in itertools.count(1):
        place = f"quarantine/{path}" if number == 1 else f"quarantine/{number}/{path}"
        try:
            store.files.move(path, place)
        except (FileExistsError, NotADirectoryError):
            continue
        except FileNotFoundError:
            pass  # gone meanwhile
        return
