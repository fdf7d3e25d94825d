"""What must not change behind a sweep's back: data, dense networks from files, the user's code, our numerics."""

from __future__ import annotations

from typing import Any

from orchestrator.planning.plan import Plan
from workers.errors import SET_ASIDE, CorruptFile, InputError, StoreError
from workers.store.store import Store
from workers.trial import NUMERICS_VERSION, Task, canonical, digest


def tasks(plan: Plan) -> dict[str, dict[str, Any]]:
    """For each task of a plan and each file that its dense networks come from, by all that a sweep file says of it,
    the rest of what ids depend on.
    """
    found: dict[str, dict[str, Any]] = {}
    keys: dict[int, str] = {}
    for planned in plan.trials.values():
        task, file = planned.trial.task, planned.trial.pretrained
        if id(task) not in keys:
            keys[id(task)] = _key(task)
            found[keys[id(task)]] = {
                "numerics version": NUMERICS_VERSION,
                "data fingerprint": task.dataset.fingerprint,
                "code version": task.code_version,
            }
        if file is not None:
            key = digest({"task": keys[id(task)], "dense": file.path})[:16]
            found[key] = {f"checksum of `{file.path}`": file.checksum}
    return found


def _key(task: Task) -> str:
    said = canonical(task)
    said["dataset"].pop("fingerprint", None)
    said.pop("code_version", None)
    return digest(said)[:16]


def resolved(plan: Plan) -> dict[str, Any]:
    """What a store keeps of a sweep, beside its cells: all that it takes to do what is missing of it."""
    return {"version": 1, "spec": plan.spec.canonical(), "tasks": tasks(plan)}


def check_unchanged(plan: Plan, store: Store) -> None:
    """Raise InputError if the store has a sweep of the same settings under other data, dense networks, user
    code or numerics; StoreError if one of its sweeps cannot be read.
    """
    now = tasks(plan)
    for folder in reversed(store.sweeps()):
        try:
            before = store.read_sweep(folder).get("tasks", {})
        except CorruptFile as error:
            raise StoreError(str(error), hint=SET_ASIDE) from error
        for key in now.keys() & before.keys():
            changed = [name for name in now[key] if now[key][name] != before[key].get(name)]
            if changed:
                name = changed[0]
                raise InputError(
                    f"the {name} is not what sweep `{folder}` in this store was run with: "
                    f"`{now[key][name]}` instead of `{before[key].get(name)}`, so all of it would be trained again",
                    hint="run with `--accept-changes` to do that, or use another store",
                )
