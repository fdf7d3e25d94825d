"""What does not move is noticed, and a run that only waits counts as moving."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from orchestrator.driver.agenda import Agenda
from orchestrator.driver.on_ray import ray_tune
from orchestrator.driver.on_ray.standstill import SILENT_SECONDS, STALL_SECONDS, Standstill
from tests.support.clock import Clock
from tests.support.jobs import jobs


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def standstill(clock):
    return Standstill(clock)


def test_an_attempt_that_does_not_report_is_named_once(clock, standstill):
    for attempt in ("silent", "done", "reports"):
        standstill.heard(attempt)
    standstill.ended("done")
    clock.now = SILENT_SECONDS
    standstill.heard("reports")
    assert standstill.silent() == []
    clock.now += 1
    assert standstill.silent() == ["silent"]
    assert standstill.silent() == []


def test_tune_ends_no_step_while_it_waits_for_the_first_trial_after_a_long_delay(clock, standstill, monkeypatch):
    """Then a trial that is tried again has not stalled, and the time until then is shown."""
    ticks, agenda = [], Agenda(jobs(a=((1,),)), set(), clock=clock)
    progress = SimpleNamespace(tick=lambda: ticks.append(clock.now))
    dispatcher = SimpleNamespace(agenda=agenda, finished=False, next=agenda.next, progress=progress)
    run = ray_tune._Run(dispatcher, store=None, most_idle=1, standstill=standstill)
    monkeypatch.setattr(ray_tune, "_current", run)
    search = ray_tune.DispatchingSearcher()
    agenda.next()
    assert search.suggest("0") is None
    assert ticks == []  # Tune ends steps as long as a trial runs
    agenda.give_back(next(iter(agenda.jobs)), delay=STALL_SECONDS + 60)
    for clock.now in (1.0, STALL_SECONDS, STALL_SECONDS + 59):
        assert search.suggest("0") is None
    assert ticks == [1.0, STALL_SECONDS, STALL_SECONDS + 59]
    assert not standstill.is_stalled
    clock.now += STALL_SECONDS + 1
    assert standstill.is_stalled
