"""When the next plan is asked for, and which failed trials run again."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from orchestrator.driver.work import Work
from tests.support.jobs import jobs
from workers.store import Store
from workers.store.failures import Failure
from workers.trial import Stop


class Part:
    """A plan of jobs, all of which are missing unless they are `done`."""

    def __init__(self, **described):
        self.jobs = jobs(**described)
        self.trials = dict.fromkeys(self.jobs, SimpleNamespace(checkpoint_bytes=100))

    def missing(self, records, checkpoints):
        return self.jobs


class Plans:
    """An iterator that counts how many plans were pulled."""

    def __init__(self, *plans):
        self.pulled = 0
        self._plans = plans

    def __iter__(self):
        return self

    def __next__(self):
        if self.pulled == len(self._plans):
            raise StopIteration
        self.pulled += 1
        return self._plans[self.pulled - 1]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", create=True)


def test_a_plan_is_pulled_once_all_of_the_one_before_is_done(store):
    first, nothing_missing, last = Part(a=((5,),)), Part(), Part(b=((3, 5),))
    plans = Plans(first, nothing_missing, last)
    work = Work(plans, store)
    assert (plans.pulled, work.plan) == (1, first)
    assert work.agenda.next() == replace(first.jobs["a"], is_new=True)
    assert not work.extend()
    work.agenda.finish("a")
    assert work.extend()
    assert (plans.pulled, work.plan) == (3, last)
    assert work.bytes_to_hold == {"a": 400, "b": 500}  # the checkpoints, two partial states and the one being written
    work.agenda.next()
    work.agenda.finish("b")
    assert not work.extend()
    assert work.plan is last


def test_a_trial_is_new_unless_the_store_has_a_state_or_a_log_of_it(store):
    store.states.write_partial(Stop("b", 2), b"")
    store.files.write("logs/c/0001.log", b"")
    agenda = Work(Plans(Part(a=((5,),), b=((5,),), c=((5,),))), store).agenda
    assert [job.is_new for job in agenda.jobs.values()] == [True, False, False]


def test_plans_of_which_nothing_is_missing_are_passed_over(store):
    plans = Plans(Part(), Part())
    assert Work(plans, store).agenda.exhausted
    assert plans.pulled == 2


@pytest.mark.parametrize(
    ("outcome", "retry", "again"),
    [
        ("diverged", (), False),
        ("diverged", ("io",), False),
        ("diverged", ("io", "diverged"), True),
        ("diverged", ("all",), True),
        ("bad_input", (), True),  # the input may have been repaired
    ],
)
def test_failed_trials_run_again_if_asked_for(store, outcome, retry, again):
    store.failures.write("a", Failure(outcome=outcome, reason="because"))
    plans = Plans(Part(a=((5,),)), Part())
    work = Work(plans, store, retry)
    assert (work.agenda.next() is not None) == again
    assert (store.failures.read("a") is None) == again
    assert work.agenda.failed == (set() if again else {"a"})
    assert plans.pulled == 1  # also after a failure
