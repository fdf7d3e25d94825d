"""What the time left is made of: speeds learned from trials, and the rest of an agenda played through."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from orchestrator.driver.agenda import Agenda
from orchestrator.driver.progress import time_left
from orchestrator.driver.progress.forecast import Pace, seconds_to_end
from orchestrator.driver.progress.speeds import Speeds, TrialKind
from orchestrator.driver.progress.time_left import TimeLeft
from orchestrator.planning.estimate import Ground, task_digest
from tests.support.clock import Clock
from tests.support.jobs import TASK, jobs

DENSE, PRUNED = TrialKind("task", "dense"), TrialKind("task", "unstructured")
OTHER = TrialKind("other", "dense")


def test_seconds_per_step_and_overhead_are_fitted_from_trials_of_several_lengths():
    speeds = Speeds({})
    for steps in (10, 20, 40):
        speeds.whole(DENSE, steps, 3 + 0.5 * steps)
        speeds.whole(PRUNED, steps, 3 + 0.7 * steps)
    assert speeds.overhead == pytest.approx(3)
    assert speeds.per_step(DENSE) == pytest.approx(0.5)
    assert speeds.per_step(PRUNED) == pytest.approx(0.7)


def test_stretches_count_without_the_overhead_and_tell_it_from_the_steps():
    speeds = Speeds({})
    speeds.whole(DENSE, 100, 60)
    assert (speeds.overhead, speeds.per_step(DENSE)) == (0, 0.6)
    speeds.stretch("a", DENSE, 100, 50)
    speeds.end("a")
    assert speeds.overhead == pytest.approx(10, rel=0.1)
    assert speeds.per_step(DENSE) == pytest.approx(0.5, rel=0.02)


def test_newer_trials_count_more_because_machines_get_busier_or_idler():
    speeds = Speeds({})
    for seconds in [100] * 50 + [200] * 50:
        speeds.whole(DENSE, 100, seconds)
    assert 1.8 < speeds.per_step(DENSE) < 2


def test_without_ground_nothing_is_known():
    speeds = Speeds({})
    assert speeds.per_step(DENSE) is None
    speeds.whole(DENSE, 10, 5)
    assert speeds.per_step(PRUNED) == 0.5  # of the same task
    assert speeds.per_step(OTHER) is None


def test_what_was_measured_before_is_corrected_by_how_other_tasks_turned_out():
    speeds = Speeds({"task": Ground(seconds=0.25), "other": Ground(seconds=1.0)})
    assert speeds.per_step(OTHER) == 1.0
    speeds.whole(DENSE, 10, 5)  # twice as long as measured
    assert speeds.per_step(OTHER) == 2.0


def test_a_task_without_measurements_is_compared_by_its_work():
    grounds = {"task": Ground(multiply_adds=100), "other": Ground(multiply_adds=300)}
    speeds = Speeds(grounds | {"large": Ground(multiply_adds=30_000)})
    speeds.whole(DENSE, 10, 5)
    speeds.whole(TrialKind("large", "dense"), 10, 1000)
    assert speeds.per_step(OTHER) == pytest.approx(1.5)


CHAIN = jobs(a=((10,),), b=((10,), ("a", 10)), c=((10,), ("b", 10)), d=((10,),), e=((10,),))


@pytest.mark.parametrize(("slots", "seconds"), [(1, 50), (2, 30), (8, 30)])
def test_a_chain_takes_as_long_as_its_trials_together_however_many_slots_are_free(slots, seconds):
    agenda = Agenda(CHAIN, set())
    assert seconds_to_end(agenda.jobs, agenda.outlook(), {}, lambda _: Pace(0, 0.0, 1.0), slots) == seconds


def test_running_trials_continue_from_where_they_are_and_children_start_in_the_middle():
    agenda = Agenda(jobs(a=((4, 10),), b=((8,), ("a", 4))), set())
    assert agenda.next() is not None
    running = {"a": Pace(2, -1.0, 1.0)}  # at step 2 a second ago
    assert seconds_to_end(agenda.jobs, agenda.outlook(), running, lambda _: Pace(0, 0.5, 1.0), 2) == 1 + 0.5 + 8


def test_blocked_and_failed_trials_take_no_time():
    agenda = Agenda(CHAIN, set())
    agenda.fail("a")
    assert agenda.blocked == {"b", "c"}
    assert seconds_to_end(agenda.jobs, agenda.outlook(), {}, lambda _: Pace(0, 0.0, 1.0), 1) == 20


def test_a_trial_that_waits_for_its_retry_starts_after_its_delay_and_others_start_meanwhile():
    family = jobs(a=((10,),), b=((10,), ("a", 10)), c=((5,),))
    agenda = Agenda(family, set(), clock=Clock())
    assert agenda.next() is family["a"]
    agenda.give_back("a", delay=300)
    assert agenda.next_retry == 300
    assert seconds_to_end(agenda.jobs, agenda.outlook(), {}, lambda _: Pace(0, 0.0, 1.0), 2) == 300 + 10 + 10
    agenda.give_back("c")  # without a delay
    assert agenda.outlook().held == {"a": 300}


def test_nothing_is_said_before_trials_have_reported_and_startup_does_not_count(monkeypatch):
    monkeypatch.setattr(time_left, "time", SimpleNamespace(perf_counter=lambda: 0.0))  # forecasts take no time
    clock, agenda = Clock(), Agenda(jobs(a=((100,),), b=((100,),)), set())
    left = TimeLeft(agenda, 1, clock=clock)
    assert agenda.next() is not None
    clock.now = 60.0
    left.begun("a")
    clock.now = 90.0
    left.reached("a", 10)
    assert left.seconds() is None
    clock.now = 100.0
    left.reached("a", 20)  # a second for a step
    assert left.seconds() == pytest.approx(80 + 100)
    assert left.of_trial("a") == pytest.approx(80)
    clock.now = 100.5  # between two forecasts the time is counted down
    assert left.seconds() == pytest.approx(179.5)


def test_a_trial_that_reports_only_records_is_timed_with_its_evaluations_until_another_tells_them_apart():
    family = jobs(a=((100,),), b=((100,),), c=((100,),))
    family["a"] = replace(family["a"], records=(10, 20, 30, 100))
    clock, agenda = Clock(), Agenda(family, set())
    left = TimeLeft(agenda, 2, clock=clock)
    agenda.next(), agenda.next()
    for now, trial, step in [(10, "a", 10), (30, "a", 20), (50, "a", 30)]:
        clock.now = now
        left.reached(trial, step)
    left.begun("b")
    assert left.of_trial("a") == pytest.approx(70 * 2)
    assert left.seconds() == pytest.approx(140 + 200)  # c begins where a ends
    for now, trial, step in [(60, "b", 10), (80, "b", 30)]:
        clock.now = now
        left.reached(trial, step)
    assert left.of_trial("b") == pytest.approx(70)


def test_a_measured_task_has_a_time_left_from_the_beginning():
    agenda = Agenda(jobs(a=((100,),), b=((100,),)), set())
    left = TimeLeft(agenda, 1, {task_digest(TASK): Ground(seconds=0.5)}, {"b": 60}, clock=Clock())
    assert left.seconds() == pytest.approx(50 + 20)


def test_a_trial_that_is_tried_again_continues_from_its_last_report():
    clock, agenda = Clock(), Agenda(jobs(a=((100,),)), set())
    left = TimeLeft(agenda, 1, clock=clock)
    agenda.next()
    left.begun("a")
    for step in (10, 50):
        clock.now += 10
        left.reached("a", step)
    left.ended("a", done=False)
    agenda.give_back("a")
    assert left.seconds() == pytest.approx(50 * 10 / 40)


def test_a_long_evaluation_at_the_end_of_a_trial_is_part_of_the_time_left():
    clock, agenda = Clock(), Agenda(jobs(a=((100,),), b=((100,),), c=((100,),)), set())
    left = TimeLeft(agenda, 1, clock=clock)
    for trial in "abc":
        agenda.next()
        left.begun(trial)
        for step in (20, 40, 60, 80, 99):
            clock.now += 20 if step < 99 else 19
            left.reached(trial, step)
        if trial != "a":
            assert left.of_trial(trial) == pytest.approx(1 + 60, rel=0.05)
            assert left.seconds() == pytest.approx(1 + 60 + {"b": 160, "c": 0}[trial], rel=0.05)
        clock.now += 1 + 60  # the last step and its evaluation
        left.reached(trial, 100)
        assert left.of_trial(trial) == 0
        left.ended(trial, done=True)
        agenda.finish(trial)


def test_a_first_trial_that_reports_twice_says_how_long_the_next_one_takes():
    clock, agenda = Clock(), Agenda(jobs(a=((100,),), b=((100,),)), set())
    left = TimeLeft(agenda, 1, clock=clock)
    agenda.next()
    left.begun("a")
    for clock.now, step in ((3.0, 50), (6.0, 100)):
        left.reached("a", step)
    left.ended("a", done=True)
    agenda.finish("a")
    assert left.seconds() == pytest.approx(6)


def test_at_the_end_no_time_is_left():
    agenda = Agenda(jobs(a=((100,),)), set())
    agenda.next()
    agenda.finish("a")
    assert TimeLeft(agenda, 1, {task_digest(TASK): Ground(seconds=0.5)}, clock=Clock()).seconds() is None
