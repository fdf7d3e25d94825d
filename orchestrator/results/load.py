"""Results of a store, or of the published study by its name."""

from __future__ import annotations

import os
from collections.abc import Iterable

from orchestrator.results.frame import Joined, join
from orchestrator.results.reference import RENDA2020, published
from workers.errors import InputError
from workers.store import Store


def is_published(location: str | os.PathLike[str]) -> bool:
    """Whether a location is the name of the published study; a store of that name is `./renda2020`."""
    return location == RENDA2020


def read(
    location: str | os.PathLike[str] | Store, sweeps: Iterable[str] | None = None, *, retired: bool = False
) -> Joined:
    """The rows of a store (or of some of its sweeps), or of the published study `renda2020`.

    Retired sweeps are left out unless they are named, or wanted, too.

    Raises InputError for an unknown sweep, and StoreError where the location is not a store.
    """
    if isinstance(location, Store):
        return join(location, sweeps, retired=retired)
    if not is_published(location):
        return join(Store(location), sweeps, retired=retired)
    if sweeps is not None:
        raise InputError(
            f"`{RENDA2020}` has no sweeps: it is the published study",
            hint="select cells with `--network`, `--schedule` or `--only`",
        )
    return Joined(published(), {})
