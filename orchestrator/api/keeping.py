"""Look after a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.api.locations import Location
from workers.store import Store

if TYPE_CHECKING:
    from orchestrator.upkeep.status import Status


def status(store: Location, sweep: str | None = None, *, retired: bool = False) -> Status:
    """How far the sweeps of a store (or those named `sweep`) are, and what failed; `retired` adds retired sweeps."""
    from orchestrator.upkeep.status import read_status

    return read_status(Store(store), sweep, retired=retired)
