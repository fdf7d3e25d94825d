"""Second chances and their limits, and a disk without room, by a clock that tests turn."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from orchestrator.driver import dispatcher as module
from orchestrator.driver.agenda import Agenda
from orchestrator.driver.disk_space import Room
from orchestrator.driver.dispatcher import Dispatcher
from tests.support.clock import Clock
from tests.support.jobs import jobs
from workers.errors import StoreError
from workers.store import Store
from workers.store.failures import Failure
from workers.training.attempt import Ending
from workers.training.outcomes import lost_worker

MEGABYTE = 1_000_000


class Said(list):
    """Stands in for the progress: remembers what people are told."""

    def __getattr__(self, name):
        return lambda *arguments, **named: self.append((name, *arguments))

    def say(self, message):
        self.append(("say", message))


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """A dispatcher of three independent jobs (`a`, `b`, `c`) and a child of `a`, with all its parts."""
    parts = SimpleNamespace(
        clock=Clock(),
        said=Said(),
        store=Store(tmp_path / "store", create=True),
        interrupt=SimpleNamespace(requested=False),
        lease=SimpleNamespace(problem=None),
        free=10_000 * MEGABYTE,
    )
    family = jobs(a=((5,),), b=((5,),), c=((5,),), child=((3,), ("a", 5)))
    monkeypatch.setattr(module, "trial_id", lambda trial: trial.stage)
    monkeypatch.setattr(parts.store.files, "free_bytes", lambda: parts.free, raising=False)
    needs = dict.fromkeys(family, 100 * MEGABYTE)
    parts.room = Room(
        parts.store.files, needs, lambda _, reason: parts.said.say(reason), pauses=(5, 10), clock=parts.clock
    )

    def again(**named):
        """A new driver."""
        agenda = Agenda(family, set(), clock=parts.clock)
        parts.work = SimpleNamespace(agenda=agenda, plan=None, part=None, shard=None, extend=lambda: False)
        return Dispatcher(
            parts.work,
            parts.store,
            interrupt=parts.interrupt,
            progress=parts.said,
            room=parts.room,
            lease=parts.lease,
            retries={"lost_worker": 2, "io": 1},
            **named,
        )

    parts.again = again
    parts.dispatcher = again()
    return parts


def test_lost_workers_are_counted_over_drivers(sweep):
    for losses in (1, 2):
        assert take(sweep.dispatcher) == "a"
        sweep.dispatcher.ended("a", failed("lost_worker"))
        sweep.clock.now += 100
        assert sweep.store.failures.failed_attempts("a") == {"lost_worker": losses}
    another = sweep.again()
    assert take(another) == "a"
    another.ended("a", failed("lost_worker"))
    assert "a" in another.agenda.failed
    assert sweep.store.failures.read("a").attempts == {"lost_worker": 3}
    sweep.store.failures.delete("a")
    assert sweep.store.failures.failed_attempts("a") == {}


def test_a_trial_that_ran_out_of_memory_next_to_others_is_tried_again_alone(sweep):
    assert take(sweep.dispatcher) == "a"
    sweep.dispatcher.ended("a", failed("out_of_memory"))
    assert "a" in sweep.dispatcher.agenda.failed
    sweep.store.failures.delete("a")
    sharing = sweep.again(can_be_alone=True)
    assert take(sharing) == "a"
    assert not sharing.must_be_alone("a")
    sharing.ended("a", failed("out_of_memory"))
    assert sharing.must_be_alone("a")
    assert not sharing.must_be_alone("b")
    sweep.clock.now += 100
    later = sweep.again(can_be_alone=True)  # it remembers
    assert take(later) == "a"
    assert later.must_be_alone("a")
    later.ended("a", failed("out_of_memory"))
    assert "a" in later.agenda.failed


def failed(outcome):
    return Ending(outcome, 3, Failure(outcome=outcome, reason="because", step=3, host="there"))


def test_a_trial_that_is_tried_again_is_not_new(sweep):
    agenda = sweep.dispatcher.agenda
    agenda.jobs["a"] = replace(agenda.jobs["a"], is_new=True)
    assert sweep.dispatcher.next().is_new
    sweep.dispatcher.ended("a", Ending("interrupted"))
    assert [sweep.dispatcher.next().is_new for _ in range(3)] == [False] * 3


def take(dispatcher):
    job = dispatcher.next()
    return job and job.trial.stage


def take_all(dispatcher):
    names = []
    while (name := take(dispatcher)) is not None:
        names.append(name)
    return names


def test_a_lost_worker_costs_a_delay_that_does_not_hold_up_other_trials(sweep):
    name = take(sweep.dispatcher)
    sweep.dispatcher.ended(name, Ending("lost_worker", 3, lost_worker(3)))
    assert name not in take_all(sweep.dispatcher)
    assert sweep.store.failures.read(name) is None
    sweep.clock.now = 1.25 * 2  # the first delay is 2 s, give or take a quarter
    assert take(sweep.dispatcher) == name


def test_a_trial_that_lost_three_workers_is_set_aside_with_its_children(sweep):
    delays = []
    for _ in range(3):
        while (name := take(sweep.dispatcher)) != "a":
            sweep.clock.now += 0.25
            if name is not None:
                sweep.dispatcher.ended(name, Ending("done", 5))
        begun = sweep.clock.now
        sweep.dispatcher.ended("a", Ending("lost_worker", 3, lost_worker(3)))
        delays.append(begun)
    assert sweep.store.failures.read("a").outcome == "lost_worker"
    assert sweep.store.failures.read("a").attempts == {"lost_worker": 3}
    assert sweep.dispatcher.agenda.blocked == {"child"}
    assert delays[2] - delays[1] > delays[1] - delays[0] > 0
    assert sweep.dispatcher.finished


def test_budgets_are_kept_apart_by_class(sweep):
    for outcome in ("lost_worker", "io", "lost_worker"):
        sweep.dispatcher.agenda.running.add("a")
        sweep.dispatcher.ended("a", failed(outcome))
        assert sweep.store.failures.read("a") is None
    sweep.dispatcher.agenda.running.add("a")
    sweep.dispatcher.ended("a", failed("io"))
    assert sweep.store.failures.read("a").attempts == {"lost_worker": 2, "io": 2}


@pytest.mark.parametrize("outcome", ["diverged", "out_of_memory", "bad_input", "bug", "timeout"])
def test_what_trying_again_cannot_mend_or_may_not_is_final(sweep, outcome):
    name = take(sweep.dispatcher)
    sweep.dispatcher.ended(name, failed(outcome))
    assert sweep.store.failures.read(name).outcome == outcome
    assert name in sweep.dispatcher.agenda.failed


@pytest.mark.parametrize("times", [1, 50])
def test_interruptions_are_never_counted(sweep, times):
    name = take(sweep.dispatcher)
    for _ in range(times):
        sweep.dispatcher.ended(name, Ending("interrupted", 3))
        assert take(sweep.dispatcher) == name
    assert sweep.store.failures.read_all() == {}


def test_trials_begin_only_where_their_states_and_those_of_the_running_ones_fit(sweep):
    sweep.free = 64 * MEGABYTE + 250 * MEGABYTE  # the margin, and two and a half trials
    first, second = take_all(sweep.dispatcher)
    [(_, message)] = [entry for entry in sweep.said if entry[0] == "say"]
    assert "the next trial needs 364 MB and 314 MB are free" in message
    sweep.dispatcher.ended(first, Ending("done", 5))
    assert len(take_all(sweep.dispatcher)) == 1
    assert sweep.dispatcher.problem is None
    assert second in sweep.dispatcher.agenda.running


def test_a_full_disk_pauses_the_sweep_and_fails_no_trial(sweep):
    sweep.free = 0
    assert take(sweep.dispatcher) is None
    [(_, message)] = sweep.said
    assert message.startswith("No room in the store: the next trial needs 164 MB and 0 bytes are free; trying again")
    sweep.free = 10_000 * MEGABYTE
    assert take(sweep.dispatcher) is None
    sweep.clock.now = 5.1
    assert take(sweep.dispatcher) is not None
    assert sweep.store.failures.read_all() == {}


def test_a_store_that_fails_pauses_the_sweep_and_fails_no_trial(sweep):
    for name in take_all(sweep.dispatcher):
        sweep.dispatcher.ended(name, failed("store_failed"))
    [message] = [entry[1] for entry in sweep.said if entry[0] == "say"]
    assert message.startswith("The store cannot be used: on host there, because; ")
    assert message.endswith("; trying again in 5 s")
    assert take(sweep.dispatcher) is None
    sweep.clock.now = 5.1
    assert take(sweep.dispatcher) is not None
    assert sweep.store.failures.trials_with_failed_attempts() == set()


def test_a_disk_that_stays_full_ends_the_sweep(sweep):
    sweep.free = 0
    for now in (0, 6, 17):
        sweep.clock.now = now
        assert not sweep.dispatcher.finished
        assert take(sweep.dispatcher) is None
    assert sweep.dispatcher.problem.message.startswith("no room in the store")
    assert sweep.dispatcher.finished
    assert sweep.store.failures.read_all() == {}


def test_workers_that_find_the_disk_full_together_count_once_and_success_resets_the_count(sweep):
    names = take_all(sweep.dispatcher)
    for name in names:
        sweep.dispatcher.ended(name, failed("disk_full"))
    assert len([entry for entry in sweep.said if entry[0] == "say"]) == 1
    sweep.clock.now = 5.1
    assert sorted(take_all(sweep.dispatcher)) == sorted(names)
    sweep.dispatcher.ended(names[0], Ending("done", 5))
    for now in (6, 12):  # would be the second and third in a row
        sweep.clock.now = now
        sweep.dispatcher.ended(names[1], failed("disk_full"))
    assert sweep.dispatcher.problem is None
    assert sweep.store.failures.read_all() == {}


def test_a_failure_that_cannot_be_written_counts_as_a_full_disk(sweep, monkeypatch):
    def full(trial, failure):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sweep.store.failures, "write", full)
    name = take(sweep.dispatcher)
    sweep.dispatcher.ended(name, failed("bug"))
    assert name not in sweep.dispatcher.agenda.failed
    assert any("No space left" in entry[1] for entry in sweep.said)


def test_nothing_begins_once_a_stop_is_asked_for_or_the_lease_is_lost(sweep):
    assert take(sweep.dispatcher) is not None
    sweep.lease.problem = "another driver has it"
    assert take(sweep.dispatcher) is None
    assert sweep.dispatcher.finished
    sweep.lease.problem, sweep.interrupt.requested = None, True
    assert take(sweep.dispatcher) is None
    assert sweep.dispatcher.finished


def test_more_is_looked_for_once_all_is_done_and_trouble_with_that_ends_the_sweep(sweep):
    calls = []

    def extend(error=None):
        calls.append(error)
        if error:
            raise error
        return False

    sweep.work.extend = extend
    for name in ("a", "b", "c", "child"):
        assert not calls
        assert take(sweep.dispatcher) is not None
        sweep.dispatcher.ended(name, Ending("done", 5))
    assert calls == [None]
    assert sweep.dispatcher.problem is None
    sweep.work.extend = lambda: extend(StoreError("the record is damaged", hint="set it aside"))
    sweep.dispatcher.ended("child", Ending("done", 5))
    problem = sweep.dispatcher.problem
    assert (problem.message, problem.hint) == ("the record is damaged", "set it aside")
    assert sweep.dispatcher.finished
