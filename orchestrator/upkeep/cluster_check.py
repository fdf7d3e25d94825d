"""What `doctor` finds of a cluster: whether it answers, and what each node is like, as before a run."""

from __future__ import annotations

import contextlib

from orchestrator.driver.on_ray.nodes import Node, name_of
from orchestrator.driver.preflight.node_checks import NodeReports, examine
from orchestrator.upkeep.check import Check
from workers.errors import PrunesweepError
from workers.store import Store
from workers.text import plural


def check_cluster(address: str, store: str | None) -> list[Check]:
    """Connect to a cluster, and ask each of its nodes what a run would ask of it, about a store if one is named."""
    from orchestrator.driver.interrupt import Interrupt
    from orchestrator.driver.on_ray.cluster import Cluster, connected, nodes_of

    cluster, interrupt, name = Cluster(address=address), Interrupt(), f"cluster {address}"
    reports, checks = NodeReports(), list[Check]()
    opened = None
    with contextlib.suppress(PrunesweepError):  # which the check of the store says
        opened = Store(store) if store else None
    try:
        with connected(cluster, interrupt) as slots:
            found = f"connected; it can run {plural(slots, 'trial')} of one CPU at once"
            checks.append(Check(name, good=True, found=found))
            nodes = nodes_of(cluster, interrupt)
            gpus = any(node["Resources"].get("GPU") for node in nodes.alive)
            examine(nodes, reports, store=opened, gpus=gpus)
            checks += [line for node in nodes.alive for line in _checks_of(node, reports)]
    except PrunesweepError as error:
        checks.append(Check(name, good=False, found=error.message, hint=error.hint))
    return checks


def _checks_of(node: Node, reports: NodeReports) -> list[Check]:
    """What is wrong on a node, or else what it has."""
    name = f"node {name_of(node)}"
    problems = [problem for problem in reports.problems if problem.node["NodeID"] == node["NodeID"]]
    if problems:
        return [Check(name, good=False, found=problem.what, hint=problem.hint) for problem in problems]
    facts = reports.facts.get(node["NodeID"])
    if facts is None:
        return [Check(name, good=False, found="does not answer", hint="try again, or restart Ray there")]
    parts = [" ".join(pair) for pair in facts.versions.items()]
    parts += ["store readable and writable"] if facts.written else []
    if facts.gpus:
        parts.append(f"{plural(facts.gpus, 'GPU')} {'with' if facts.mps else 'without'} MPS")
    return [Check(name, good=True, found=", ".join(parts))]
