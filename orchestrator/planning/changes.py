"""What must not change between runs of a sweep: data, dense networks from files, the user's code, our numerics."""

from __future__ import annotations

from typing import Any

from orchestrator.planning.plan import Plan
from workers.errors import CorruptFile, InputError, StoreError
from workers.store import Store
from workers.trial import NUMERICS_VERSION, Task, canonical, digest


def tasks(plan: Plan) -> dict[str, dict[str, Any]]:
    """Everything that a trial's id depends on but the sweep file does not state.

    Keyed by the task, or by the task and the file of a dense network.
    """
    unstated: dict[str, dict[str, Any]] = {}
    keys: dict[int, str] = {}
    for planned in plan.trials.values():
        task, file = planned.trial.task, planned.trial.pretrained
        if id(task) not in keys:
            keys[id(task)] = _key(task)
            unstated[keys[id(task)]] = {
                "numerics version": NUMERICS_VERSION,
                "data fingerprint": task.dataset.fingerprint,
                "code version": task.code_version,
            }
        if file is not None:
            key = digest({"task": keys[id(task)], "dense": file.path})[:16]
            unstated[key] = {f"checksum of `{file.path}`": file.checksum}
    return unstated


def _key(task: Task) -> str:
    stated = canonical(task)
    stated["dataset"].pop("fingerprint", None)
    stated.pop("code_version", None)
    return digest(stated)[:16]


def resolved(plan: Plan) -> dict[str, Any]:
    """What a store keeps of a sweep next to its cells: all that `resume` needs."""
    return {"version": 1, "spec": plan.spec.canonical(), "tasks": tasks(plan)}


def check_unchanged(sweep: dict[str, Any], store: Store) -> None:
    """Compare a resolved sweep to those in a store.

    Raises InputError if the store has the same settings under other data, dense networks, user code or numerics, and
    StoreError if one of its sweeps cannot be read. Retired sweeps do not count.
    """
    now = sweep["tasks"]
    for folder in reversed(store.sweeps.named()):
        try:
            before = store.sweeps.read(folder).get("tasks", {})
        except CorruptFile as error:
            raise StoreError(str(error), hint=error.remedy) from error
        for key in now.keys() & before.keys():
            changed = [name for name in now[key] if now[key][name] != before[key].get(name)]
            if changed:
                name = changed[0]
                raise InputError(
                    f"the {name} has changed since sweep `{folder}` in this store ran, so that everything would be "
                    f"trained again: `{now[key][name]}`, not `{before[key].get(name)}`",
                    hint="use another store, or train everything again with `--accept-changes`",
                )
