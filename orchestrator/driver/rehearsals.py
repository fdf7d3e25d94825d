"""The rehearsal on every kind of node: what trains on the driver's machine may fail on another processor or GPU.

Planning rehearses on the machine of the driver. Here a task is rehearsed on one node of each other kind, once for each
kind and task: what was found is pinned in the store.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from orchestrator.driver.on_ray.nodes import Lost, Node, Nodes, name_of
from orchestrator.driver.rehearsable import Rehearsable, rehearsals_key
from orchestrator.planning.crossing import Crossing, rehearsal_of
from orchestrator.planning.facts import task_of
from orchestrator.sweep.problems import Problem
from orchestrator.sweep.spec import SweepSpec
from workers.machine.terminal import say
from workers.store import Store
from workers.text import duration, plural
from workers.trial import Task

KIND_SECONDS = 60.0
"""How long a node may take to say of which kind it is. One whose GPUs are all in use does not answer."""

REHEARSAL_SECONDS = 300.0
"""How long the rehearsals of a sweep may take on a node, with the loading of its data."""

_CRASH_HINT = "the code must not end its process: run the sweep with `--in-process` on that node to see where it does"


def check_rehearsed(
    spec: SweepSpec, tasks: Collection[Task], store: Store, folder: str, nodes: Nodes
) -> frozenset[str] | None:
    """Rehearse some tasks of a sweep on every kind of node where that has not been done; `folder` has the user's code.

    Returns the kinds on which all of them are rehearsed, or None if none needs that. Says which nodes do not answer in
    time. Raises SpecError (an InputError) where trials would fail.
    """
    waiting = rehearsable(spec, tasks, store)
    if not waiting:
        return None
    problems: list[Problem] = []
    kinds = _kinds(nodes, rehearsal_of(spec)["device"])
    for kind, node in kinds.items():
        missing = [item for item in waiting if not item.is_rehearsed_on(kind)]
        if missing:
            problems += _rehearse(missing, kind, node, store, folder, nodes)
    if problems:
        raise spec.refusal(problems)
    return frozenset(kind for kind in kinds if all(item.is_rehearsed_on(kind) for item in waiting))


def rehearsable(spec: SweepSpec, tasks: Collection[Task], store: Store) -> list[Rehearsable]:
    """The tasks among some that need a rehearsal, with what the store has of it."""
    wanted = {rehearsals_key(task) for task in tasks}
    rows: dict[str, Rehearsable] = {}
    for setting, answer in Crossing.pinned(spec, store):
        task, here = task_of(setting.question, answer), answer.facts.get("rehearsal")
        key = rehearsals_key(task)
        if here is None or key not in wanted or key in rows:
            continue
        item = Rehearsable.pinned_in(store, task, rehearsal_of(spec), setting.places)
        if "kind" in here:
            item.pinned[here["kind"]] = here
        rows[key] = item
    return list(rows.values())


def _kinds(nodes: Nodes, device: str) -> dict[str, Node]:
    """The kinds of the nodes that trials run on, and of each the node that answers first: the least busy one."""
    from workers.machine.kind import kind_of_machine

    kinds: dict[str, Node] = {}
    silent = {node["NodeID"]: node for node in nodes.for_trials}
    for node, kind in nodes.ask(nodes.for_trials, kind_of_machine, device, gpus=nodes.gpus, seconds=KIND_SECONDS):
        if isinstance(kind, Lost):
            continue
        del silent[node["NodeID"]]
        if kind:  # else it is avoided once a trial is placed there
            kinds.setdefault(kind, node)
    for node in silent.values():
        why = f"no answer within {duration(KIND_SECONDS)}; it may be busy"
        say(f"warning: not rehearsed on node {name_of(node)}: {why}")
    return kinds


def _rehearse(
    items: Sequence[Rehearsable], kind: str, node: Node, store: Store, folder: str, nodes: Nodes
) -> Iterator[Problem]:
    """Rehearse tasks on a node, and pin what was found. Yields the problems.

    If the process of several tasks crashes, each is rehearsed again alone, to find out which one it was.
    """
    from workers.describe.second_process import rehearse_twice

    name = f"node {name_of(node)} ({kind})"
    say(f"Rehearsing {plural(len(items), 'task')} on {name}")
    requests = [item.request for item in items]
    answers = list(
        nodes.ask([node], rehearse_twice, requests, folder, gpus=nodes.gpus, seconds=REHEARSAL_SECONDS, alone=True)
    )
    answer = answers[0][1] if answers else None
    if isinstance(answer, Lost) and answer.crashed:
        if len(items) == 1:
            place, what = items[0].places["network"], f"{name}: the process of the rehearsal crashed"
            yield Problem(place, what, _CRASH_HINT, show=False)
        else:
            for item in items:
                yield from _rehearse([item], kind, node, store, folder, nodes)
        return
    if answer is None or isinstance(answer, Lost):
        why = "the node is gone" if answer else f"not done within {duration(REHEARSAL_SECONDS)}"
        say(f"warning: not rehearsed on {name}: {why}")
        return
    for item, row in zip(items, answer, strict=True):
        if "error" in row:
            yield Problem(item.places[row["about"]], f"{name}: {row['error']}", row["hint"], show=False)
        else:
            item.pin(store, kind, row["found"])
