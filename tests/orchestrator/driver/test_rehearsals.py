"""Every kind of node rehearses the tasks of a sweep before its trials start."""

from __future__ import annotations

import json
import os

import pytest

from orchestrator.driver.on_ray.newcomers import Newcomers
from orchestrator.driver.on_ray.nodes import Lost
from orchestrator.driver.rehearsals import check_rehearsed, rehearsable
from orchestrator.planning.crossing import Crossing, find_out, rehearsal_of
from orchestrator.planning.facts import pin, task_of
from orchestrator.sweep.problems import SpecError
from orchestrator.sweep.spec import load_spec, spec_from_dict
from tests.support.sweeps import recipe, sweep, tiny_sweep
from workers.describe import second_process
from workers.errors import BadInput
from workers.machine import kind
from workers.machine.kind import kind_of_machine
from workers.store import Store

FOUND = {"found": {"digest": "bits", "seconds_per_step": 0.5}}
NET = """
def build(*, input_shape, classes, width=8):
    return nn.Sequential(nn.Flatten(), nn.Linear(36, width), nn.ReLU(), nn.Linear(width, classes))
"""


class FakeNodes:
    """A node of each kind, and how it rehearses: an answer for each request, or for them together."""

    def __init__(self, **kinds):
        self.for_trials = [{"NodeManagerAddress": f"{name}-host", "NodeID": name} for name in kinds]
        self.gpus = 0.0
        self.rehearsals = []
        self._kinds = kinds

    def ask(self, nodes, function, *arguments, gpus, seconds, alone=False):
        for node in nodes:
            kind, answer = self._kinds[node["NodeID"]]
            if function is kind_of_machine:
                if kind is not None:
                    yield node, kind
                continue
            self.rehearsals.append((node["NodeID"], len(arguments[0])))
            answer = answer(arguments[0]) if callable(answer) else answer
            if answer is not None:
                yield node, answer


@pytest.fixture
def check(module, tmp_path):
    """Checks a sweep of two networks, planned here, on some nodes."""
    name = module(NET)
    networks = [{"name": f"{name}:build", "width": width} for width in (8, 9)]
    path = tmp_path / "sweep.yaml"
    path.write_text(json.dumps(tiny_sweep(network=networks, recipe=recipe(duration="4ep", batch_size=16)), indent=1))
    spec, store = load_spec(path), Store(tmp_path / "store", create=True)
    pin(find_out(spec, store).facts, store)
    tasks = [task_of(setting.question, answer) for setting, answer in Crossing.pinned(spec, store)]

    def call(nodes, only=slice(None)):
        call.kinds = check_rehearsed(spec, tasks[only], store, os.getcwd(), nodes)
        return nodes.rehearsals

    def join(kinds):
        joined = Newcomers(checked=frozenset("n"), versions={}, how=rehearsal_of(spec), kinds=kinds)
        joined.check_task("n", tasks[0], store, os.getcwd())

    call.join = join
    call.state = lambda: [set(item.pinned) for item in rehearsable(spec, tasks, store)]
    return call


def answer_all(requests):
    return [FOUND] * len(requests)


def test_each_kind_but_that_of_the_driver_rehearses_once(check, capsys):
    here = kind_of_machine("cpu")
    nodes = FakeNodes(a=(here, None), b=("arm", answer_all), c=("arm", answer_all), d=("old", answer_all), e=("", None))
    assert check(nodes) == [("b", 2), ("d", 2)]
    assert capsys.readouterr().err.splitlines() == [
        "Rehearsing 2 tasks on node b-host (arm)",
        "Rehearsing 2 tasks on node d-host (old)",
    ]
    assert check.state() == [{here, "arm", "old"}] * 2
    nodes.rehearsals.clear()
    assert check(nodes) == []  # all of that is in the store
    assert capsys.readouterr().err == ""


def test_only_the_tasks_that_are_run_are_rehearsed(check):
    nodes = FakeNodes(a=("arm", answer_all))
    assert check(nodes, slice(1)) == [("a", 1)]
    nodes.rehearsals.clear()
    assert check(nodes) == [("a", 1)]


@pytest.mark.parametrize(
    ("about", "field", "line"), [("network", "network[1]", "17:3"), ("dataset", "dataset", "4:13")]
)
def test_what_fails_on_a_kind_is_refused_with_node_line_and_remedy(check, about, field, line):
    def half(requests):
        answer = {"error": "network `net:build` is not repeatable", "hint": "use buffers", "about": about}
        return [FOUND, answer]

    with pytest.raises(SpecError) as caught:
        check(FakeNodes(a=("arm", half)))
    [problem] = caught.value.problems
    assert problem.message == "node a-host (arm): network `net:build` is not repeatable"
    assert problem.hint == "use buffers"
    assert problem.field == field
    assert problem.where.endswith(f"sweep.yaml:{line}")
    assert "arm" in check.state()[0]
    assert "arm" not in check.state()[1]


def test_a_crash_is_traced_to_its_task(check, capsys):
    def crashing(requests):
        wide = any(request["network"]["arguments"]["width"] == 9 for request in requests)
        return Lost(crashed=True) if wide else answer_all(requests)

    nodes = FakeNodes(a=("arm", crashing))
    with pytest.raises(SpecError) as caught:
        check(nodes)
    assert nodes.rehearsals == [("a", 2), ("a", 1), ("a", 1)]
    [problem] = caught.value.problems
    assert (problem.field, problem.message) == ("network[1]", "node a-host (arm): the process of the rehearsal crashed")
    assert "`--in-process` on that node" in problem.hint


def test_a_node_that_is_silent_or_gone_does_not_hold_up_the_start(check, capsys):
    nodes = FakeNodes(a=(None, None), b=("arm", None), c=("old", Lost(crashed=False)), d=("new", answer_all))
    assert check(nodes) == [("b", 2), ("c", 2), ("d", 2)]
    said = capsys.readouterr().err
    assert "warning: not rehearsed on node a-host: no answer within 60 s; it may be busy\n" in said
    assert "warning: not rehearsed on node b-host (arm): not done within 5 min\n" in said
    assert "warning: not rehearsed on node c-host (old): the node is gone\n" in said
    assert check.state()[0] == {kind_of_machine("cpu"), "new"}
    assert check.kinds == {"new"}


def test_a_damaged_note_of_rehearsals_is_written_again(check, tmp_path):
    nodes = FakeNodes(a=("arm", answer_all))
    before = set((tmp_path / "store/facts").iterdir())
    check(nodes)
    for path in set((tmp_path / "store/facts").iterdir()) - before:
        path.write_text("{}")
    nodes.rehearsals.clear()
    assert check(nodes) == [("a", 2)]
    assert "arm" in check.state()[1]


def test_a_node_that_joins_rehearses_with_its_first_trial(check, monkeypatch):
    here = kind_of_machine("cpu")
    asked, answers = [], [{"error": "needs AVX", "hint": "add it"}, FOUND]
    monkeypatch.setattr(
        second_process, "rehearse_twice", lambda requests, folder: asked.append(folder) or [answers.pop(0)]
    )
    check.join({here, "arm"})
    monkeypatch.setattr(kind, "kind_of_machine", lambda device: f"new, {device}")
    with pytest.raises(BadInput, match=r"fails on this kind of node \(new, cpu\): needs AVX\n\nhint: add it"):
        check.join({here, "arm"})
    check.join({here, "arm"})
    check.join({here, "arm"})  # that is in the store now
    assert asked == [os.getcwd()] * 2
    assert check.state()[0] == {here, "new, cpu"}


@pytest.mark.parametrize(("rates", "rate"), [((0.1,), {}), ((1e-3,), {}), ((0.1, 1e-5), {"rate": 1e-5})])
def test_a_sweep_with_a_lower_learning_rate_than_rehearsals_is_rehearsed_at_that_rate(rates, rate):
    recipes = [recipe(name=f"lr-{lr}", optimizer={"name": "SGD", "lr": lr}) for lr in rates]
    how = rehearsal_of(spec_from_dict(sweep(recipe=recipes)))
    assert how == {"evaluation": how["evaluation"], "device": "cpu"} | rate
