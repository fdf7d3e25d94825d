"""What is wrong on which node of a cluster is said at once, before anything starts."""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import pytest

from orchestrator.driver.on_ray.nodes import Failed, Lost
from orchestrator.driver.preflight import node_checks
from orchestrator.driver.preflight.node_checks import check_nodes
from orchestrator.driver.preflight.node_facts import NodeFacts, facts_of_node, versions
from workers.errors import BadInput, InputError
from workers.store import Store
from workers.trial import Dataset, Evaluation

HERE = NodeFacts(versions=versions())
FACTS = {"GPU": 2.0, "CPU": 4.0}


class FakeNodes:
    """Two nodes. `answers` has what each answers to each question, by name: a value, or a function of its arguments.

    One that is left out does not answer in time.
    """

    def __init__(self, gpus=0, **answers):
        names = ("head", "second")
        self.alive = self.for_trials = [
            {"NodeManagerAddress": name, "NodeID": name, "Resources": FACTS} for name in names
        ]
        self.gpus = gpus
        self.asked = []
        self._answers = answers

    def ask(self, nodes, function, *arguments, **how):
        for node in nodes:
            self.asked.append((node["NodeID"], function.__name__))
            answers = self._answers.get(node["NodeID"], {})
            if function.__name__ in answers:
                answer = answers[function.__name__]
                yield node, answer(*arguments) if callable(answer) else answer


def answers(facts=facts_of_node, data=None):
    return {"facts_of_node": facts, "data_problem": data}


def plan_with(gpus=0, functions=()):
    network = SimpleNamespace(name=functions[0] if functions else "mlp")
    task = SimpleNamespace(
        dataset=Dataset(name="digits"), network=network, recipe=SimpleNamespace(loss="cross_entropy")
    )
    trials = {"t": SimpleNamespace(trial=SimpleNamespace(task=task, mask=None))}
    spec = SimpleNamespace(resources=SimpleNamespace(gpus=Fraction(gpus)))
    return SimpleNamespace(trials=trials, spec=spec, evaluation=Evaluation())


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", create=True)


@pytest.fixture
def check(store):
    def call(nodes, plan=None, datasets=(), local=False):
        check_nodes(plan or plan_with(), datasets, "code", store, nodes, local=local)

    return call


def refused(check, *given, **named):
    with pytest.raises(InputError) as error:
        check(*given, **named)
    return error.value


def test_equal_nodes_pass_and_leave_nothing_in_the_store(check, store, capsys):
    nodes = FakeNodes(head=answers(), second=answers())
    check(nodes, datasets=[Dataset(name="digits")])
    assert nodes.asked == [
        ("head", "facts_of_node"),
        ("second", "facts_of_node"),
        ("head", "data_problem"),
        ("second", "data_problem"),
    ]
    assert store.files.sizes("").keys() == {"store.json"}
    assert capsys.readouterr().err == ""


def test_everything_that_is_wrong_on_any_node_is_in_one_table(check, store):
    other = replace(HERE, versions=HERE.versions | {"torch": "1.0", "Python": "3.4.1"}, store="Permission denied")
    nodes = FakeNodes(
        head=answers(data=BadInput("the data changed", hint="plan again")),
        second=answers(facts=other),
    )
    error = refused(check, nodes, datasets=[Dataset(name="digits")])
    here = versions()
    assert error.message.splitlines() == [
        "2 nodes of the cluster cannot run this sweep:",
        f"  second  Python 3.4.1, not {here['Python']} as here",
        f"  second  torch 1.0, not {here['torch']} as here",
        f"  second  cannot use store `{store.location}`: Permission denied",
        "  head    the data changed",
    ]
    assert error.hint.count("install the same prunesweep") == 1
    assert error.hint.endswith("; plan again; put the same data on every node, at the same path")
    assert ("second", "data_problem") not in nodes.asked
    assert store.files.sizes("").keys() == {"store.json"}


def test_a_node_that_writes_to_another_folder_is_refused(check, tmp_path, store):
    Store(tmp_path / "elsewhere", create=True)

    def elsewhere(question):
        return facts_of_node(replace(question, store=str(tmp_path / "elsewhere")))

    error = refused(check, FakeNodes(head=answers(), second=answers(facts=elsewhere)))
    text = f"node second cannot run this sweep: cannot use store `{store.location}`: "
    assert error.message == f"{text}what the driver has written there is not found"
    assert "that all nodes share" in error.hint
    unseen = replace(HERE, written="probe-unseen")
    error = refused(check, FakeNodes(head=answers(), second=answers(facts=unseen)))
    assert error.message == f"{text}what it writes there does not arrive"


def test_gpus_that_torch_does_not_see_and_code_that_fails_are_named(check, capsys):
    good = replace(HERE, gpus=2, mps=True, written="")

    def with_store(facts):
        return lambda question: replace(facts, written=facts_of_node(replace(question, gpus=False)).written)

    blind = FakeNodes(
        gpus=1, head=answers(facts=with_store(good)), second=answers(facts=with_store(replace(good, gpus=0)))
    )
    error = refused(check, blind, plan_with(gpus=1))
    assert error.message == "node second cannot run this sweep: offers 2 GPUs to Ray, but torch sees none"
    code = with_store(replace(good, code=InputError("cannot import `nets:a`")))
    error = refused(check, FakeNodes(head=answers(facts=with_store(good)), second=answers(facts=code)))
    assert error.message == "node second cannot run this sweep: cannot import `nets:a`"
    assert error.hint == "install the package on every node, or share `code` among them at the same path"
    failing = FakeNodes(head=answers(facts=with_store(good)), second=answers(facts=Failed("No module named 'workers'")))
    assert "prunesweep does not work there: No module named 'workers'" in refused(check, failing).message
    assert capsys.readouterr().err == ""


def test_trials_that_share_a_gpu_without_mps_are_pointed_out(check, capsys):
    def facts(mps):
        return lambda question: replace(facts_of_node(replace(question, gpus=False)), gpus=2, mps=mps)

    nodes = FakeNodes(gpus=0.25, head=answers(facts=facts(True)), second=answers(facts=facts(False)))
    check(nodes, plan_with(gpus="1/4"))
    said = capsys.readouterr().err
    assert said.startswith("note: 4 trials share a GPU without NVIDIA's MPS, so they take turns, on: second\n")
    check(nodes, plan_with(gpus=1))
    assert capsys.readouterr().err == ""


def test_nodes_that_do_not_answer_are_named(check, capsys):
    check(FakeNodes(head=answers()))
    check(FakeNodes(head=answers(), second=answers(facts=Lost(crashed=False))))
    assert capsys.readouterr().err == "warning: node second does not answer, so it is not checked\n" * 2


def test_a_local_ray_is_asked_only_for_code_and_data(check):
    nodes = FakeNodes(head=answers(), second=answers())
    check(nodes, local=True)
    assert nodes.asked == []
    assert "no_such_module" in refused(check, nodes, plan_with(functions=["no_such_module:a"]), local=True).message
    nodes = FakeNodes(head=answers(data=BadInput("the data changed", hint="plan again")))
    assert refused(check, nodes, datasets=[Dataset(name="digits")], local=True).hint == "plan again"


def test_mps_is_recognized_by_its_daemon(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    assert not node_checks.shares_gpus_by_mps()
    (tmp_path / "nvidia-cuda-mps-control.pid").write_text(f"{os.getpid()}\n")
    assert node_checks.shares_gpus_by_mps()
