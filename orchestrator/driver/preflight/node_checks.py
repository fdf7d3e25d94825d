"""What is wrong on which node of a cluster, before anything starts: one table of everything."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from orchestrator.driver.on_ray.nodes import Failed, Lost, Node, Nodes, name_of
from orchestrator.driver.preflight.machine import data_problem, own_functions
from orchestrator.driver.preflight.node_facts import (
    NodeFacts,
    NodeQuestion,
    facts_of_node,
    shares_gpus_by_mps,
)
from orchestrator.planning.plan import Plan
from workers.errors import InputError
from workers.machine.installation import versions
from workers.machine.terminal import say
from workers.store import Store, layout
from workers.text import plural
from workers.trial import Dataset

NODE_SECONDS = 120.0
"""How long a node may take to answer: it may first import torch from a cold network disk."""

_SAME_INSTALLATION = "install the same prunesweep, Python, Ray and torch on every node: one image, or one environment"
_SAME_DATA = "put the same data on every node, at the same path"
_SHARED_STORE = "put the store on a filesystem or object store that all nodes share, at the same path, writable there"


class NodeProblem(NamedTuple):
    """Something that is wrong on a node, and what to do about it."""

    node: Node
    what: str
    hint: str


@dataclass(slots=True)
class NodeReports:
    """What the nodes have answered, by the ids of Ray, and what is wrong on them."""

    facts: dict[str, NodeFacts] = field(default_factory=dict)
    problems: list[NodeProblem] = field(default_factory=list)

    def sound(self, nodes: Sequence[Node]) -> list[Node]:
        """The nodes on which nothing is wrong."""
        bad = {problem.node["NodeID"] for problem in self.problems}
        return [node for node in nodes if node["NodeID"] not in bad]

    def refusal(self) -> InputError | None:
        """The error that names every problem, or None."""
        if not self.problems:
            return None
        hint = "; ".join(dict.fromkeys(problem.hint for problem in self.problems if problem.hint))
        rows = [(name_of(problem.node), problem.what) for problem in self.problems]
        if len(rows) == 1:
            return InputError(f"node {rows[0][0]} cannot run this sweep: {rows[0][1]}", hint=hint)
        width = max(len(name) for name, _ in rows)
        count = plural(len({problem.node["NodeID"] for problem in self.problems}), "node")
        table = "\n".join(f"  {name:<{width}}  {what}" for name, what in rows)
        return InputError(f"{count} of the cluster cannot run this sweep:\n{table}", hint=hint)


def check_nodes(
    plan: Plan, datasets: Sequence[Dataset], folder: str, store: Store, nodes: Nodes, local: bool
) -> frozenset[str]:
    """Raise InputError unless every node can run a plan that needs data sets. `folder` has the user's own code.

    A `local` Ray is this machine: only the user's code and the data are checked. Returns the ids of the nodes that need
    no check later: of a cluster, those that have answered.
    """
    functions = tuple(own_functions(plan))
    reports = NodeReports()
    if not local or functions:
        shared = None if local else store
        examine(nodes, reports, store=shared, functions=functions, folder=folder, gpus=not local and nodes.gpus > 0)
    _check_data(datasets, folder, nodes, reports, local)
    if error := reports.refusal():
        raise error
    _note_taking_turns(plan.spec.resources.gpus, nodes, reports)
    return frozenset(node["NodeID"] for node in nodes.alive) if local else frozenset(reports.facts)


def examine(
    nodes: Nodes,
    reports: NodeReports,
    *,
    store: Store | None,
    functions: tuple[str, ...] = (),
    folder: str = "",
    gpus: bool,
) -> None:
    """Ask every node once what it is like, and add what is wrong to `reports`."""
    question = NodeQuestion(functions=functions, folder=folder, gpus=gpus)
    if store is None:
        _ask(nodes, reports, question)
        return
    token, secret = layout.probe_path(), secrets.token_bytes(16)
    store.files.write(token, secret)
    question = NodeQuestion(
        store=store.location, token=token, secret=secret, functions=functions, folder=folder, gpus=gpus
    )
    try:
        _ask(nodes, reports, question)
        _check_arrivals(store, nodes, reports)
    finally:
        for path in (token, *(facts.written for facts in reports.facts.values() if facts.written)):
            store.files.delete(path)


def _ask(nodes: Nodes, reports: NodeReports, question: NodeQuestion) -> None:
    answers = _answers(nodes, nodes.alive, facts_of_node, question, seconds=NODE_SECONDS, alone=question.gpus)
    for node, answer in answers:
        if isinstance(answer, Failed):
            what = f"prunesweep does not work there: {answer.reason}"
            reports.problems.append(NodeProblem(node, what, _SAME_INSTALLATION))
        else:
            reports.facts[node["NodeID"]] = answer
            reports.problems += problems_of(node, answer, question)


def problems_of(node: Node, facts: NodeFacts, question: NodeQuestion) -> Iterator[NodeProblem]:
    """What is wrong with the answers of a node."""
    here = versions()
    for name, version in facts.versions.items():
        if version != here[name]:
            yield NodeProblem(node, f"{name} {version}, not {here[name]} as here", _SAME_INSTALLATION)
    if facts.store:
        yield NodeProblem(node, f"cannot use store `{question.store}`: {facts.store}", _SHARED_STORE)
    if facts.code is not None:
        hint = f"install the package on every node, or share `{question.folder}` among them at the same path"
        yield NodeProblem(node, facts.code.message, hint)
    offered = int(node["Resources"].get("GPU", 0)) if facts.gpus is not None else 0
    if facts.gpus is not None and facts.gpus < offered:
        what = f"offers {plural(offered, 'GPU')} to Ray, but torch sees {facts.gpus or 'none'}"
        yield NodeProblem(node, what, "run `prunesweep doctor` there: torch needs NVIDIA's driver")


def _check_arrivals(store: Store, nodes: Nodes, reports: NodeReports) -> None:
    """Add a problem for each node whose file has not arrived where the driver looks."""
    for node in nodes.alive:
        facts = reports.facts.get(node["NodeID"])
        if facts and not facts.store and not store.files.exists(facts.written):
            what = f"cannot use store `{store.location}`: what it writes there does not arrive"
            reports.problems.append(NodeProblem(node, what, _SHARED_STORE))


def _check_data(datasets: Sequence[Dataset], folder: str, nodes: Nodes, reports: NodeReports, local: bool) -> None:
    """Add a problem for each node that trials run on and that lacks a data set, or has another one than planned.

    The first node goes alone: if it downloads the data, nodes that share its files find them. That may take any time.
    """
    if not datasets:
        return
    sound = reports.sound(nodes.for_trials)
    for part in (sound[:1], sound[1:]):
        for node, problem in _answers(nodes, part, data_problem, datasets, folder):
            if isinstance(problem, Failed):
                reports.problems.append(NodeProblem(node, f"cannot load the data: {problem.reason}", ""))
            elif problem is not None:
                hint = problem.hint if local else "; ".join(filter(None, (problem.hint, _SAME_DATA)))
                reports.problems.append(NodeProblem(node, problem.message, hint))


def _note_taking_turns(gpus: Fraction, nodes: Nodes, reports: NodeReports) -> None:
    """Say so where several trials share a GPU without NVIDIA's MPS: that is slower, and not wrong."""
    if not 0 < gpus < 1:
        return
    ids: Mapping[str, bool] = {identity: facts.mps for identity, facts in reports.facts.items()}
    if not ids:  # a local Ray
        ids = {node["NodeID"]: shares_gpus_by_mps() for node in nodes.for_trials}
    names = sorted({name_of(node) for node in nodes.for_trials if not ids.get(node["NodeID"], True)})
    if names:
        count = plural(int(1 / gpus), "trial")
        say(
            f"note: {count} share a GPU without NVIDIA's MPS, so they take turns, on: {', '.join(names)}\n"
            "  (start `nvidia-cuda-mps-control -d` there; with `docker/`, set PRUNESWEEP_MPS=1)"
        )


def _answers(
    nodes: Nodes,
    part: Sequence[Node],
    function: Callable[..., Any],
    *arguments: Any,
    seconds: float | None = None,
    alone: bool = False,
) -> Iterator[tuple[Node, Any]]:
    """What a function returns on a part of the nodes, or why it fails; says which do not answer in time."""
    silent = {node["NodeID"]: node for node in part}
    for node, answer in nodes.ask(part, function, *arguments, seconds=seconds, alone=alone, failing=True):
        if not isinstance(answer, Lost):
            del silent[node["NodeID"]]
            yield node, answer
    for node in silent.values():
        say(f"warning: node {name_of(node)} does not answer, so it is not checked")
