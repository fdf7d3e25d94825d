"""What must not change behind a sweep's back: data, the user's code, our numerics."""

from __future__ import annotations

from typing import Any

from orchestrator.sweep.plan import Plan
from workers.errors import CorruptFile, InputError, StoreError
from workers.store import Store
from workers.trial import NUMERICS_VERSION, canonical, digest


def tasks(plan: Plan) -> dict[str, dict[str, Any]]:
    """For each task of a plan, by all of it that a sweep file says, the rest of what its ids depend on."""
    found = {}
    for task in {id(planned.trial.task): planned.trial.task for planned in plan.trials.values()}.values():
        said = canonical(task)
        said["dataset"].pop("fingerprint", None)
        said.pop("code_version", None)
        found[digest(said)[:16]] = {
            "numerics version": NUMERICS_VERSION,
            "data fingerprint": task.dataset.fingerprint,
            "code version": task.code_version,
        }
    return found


def check_unchanged(plan: Plan, store: Store) -> None:
    """Raise InputError if the store has a sweep of the same settings under other data, user code or numerics;
    StoreError if one of its sweeps cannot be read.
    """
    now = tasks(plan)
    for folder in reversed(store.sweeps()):
        try:
            before = store.read_sweep(folder).get("tasks", {})
        except CorruptFile as error:
            raise StoreError(f"{error}\n\nhint: `prunesweep verify --repair` sets it aside") from error
        for key in now.keys() & before.keys():
            changed = [name for name in now[key] if now[key][name] != before[key].get(name)]
            if changed:
                name = changed[0]
                raise InputError(
                    f"the {name} is not what sweep `{folder}` in this store was run with: "
                    f"`{now[key][name]}` instead of `{before[key].get(name)}`, so all of it would be trained again"
                    "\n\nhint: run with `--accept-changes` to do that, or use another store"
                )
