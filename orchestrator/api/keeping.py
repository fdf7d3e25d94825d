"""Look after a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.api.locations import Location
from workers.store import Store

if TYPE_CHECKING:
    from orchestrator.upkeep.shown_cell import ShownCell
    from orchestrator.upkeep.status import Status


def status(store: Location, sweep: str | None = None, *, retired: bool = False) -> Status:
    """How far the sweeps of a store (or those named `sweep`) are, and what failed; `retired` adds retired sweeps."""
    from orchestrator.upkeep.status import read_status

    return read_status(Store(store), sweep, retired=retired)


def show(store: Location, cell: str, sweep: str | None = None, *, retired: bool = False) -> ShownCell:
    """Everything that a store knows of one cell; prints as text.

    store: the folder or bucket with the cell.
    cell: the id of its trial or the beginning of it; or what status and tables call it, such as
        `lr_rewinding 16× 90%, replicate 0`; or an expression such as `technique=lr_rewinding,replicate=0`.
    sweep: the name of the sweep to find it in; default all that are not retired, the newest first.
    retired: look in retired sweeps, too.

    Raises InputError if `cell` does not pick exactly one.
    """
    from orchestrator.upkeep.shown_cell import show_cell

    return show_cell(Store(store), cell, sweep, retired=retired)


def sweep_file(store: Location, sweep: str | None = None) -> str:
    """The newest sweep of a store, or of the name `sweep`, as the text of a sweep file that gives the same trials.

    Every default is written out. Raises InputError for a sweep that the store does not have.
    """
    from orchestrator.planning.cells import missing_sweep
    from orchestrator.sweep.file_text import file_text

    opened = Store(store)
    folders = opened.sweeps.named(sweep)
    if not folders:
        raise missing_sweep(opened, sweep)
    kept = opened.sweeps.read(folders[-1])
    return file_text(kept["spec"], f"Sweep {folders[-1]} of {opened.location}, with every default written out")
