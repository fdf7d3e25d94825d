"""What a run says of itself, here and elsewhere."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from orchestrator.driver.agenda import Agenda
from orchestrator.driver.progress import progress as module
from orchestrator.driver.progress.display import Display
from orchestrator.driver.progress.progress import Progress
from orchestrator.driver.progress.time_left import TimeLeft
from orchestrator.planning.estimate import Ground, task_digest
from tests.support.clock import Clock
from tests.support.jobs import TASK, jobs
from workers.store.failures import Failure
from workers.training.attempt import NOTHING

TOO_SLOW = Failure(outcome="timeout", reason="too slow")


@pytest.fixture
def run(monkeypatch):
    """The progress of a run of two trials (`a` and `b`, 100 s each) in one slot, and the lines it says elsewhere."""
    clock, said = Clock(), []
    agenda = Agenda(jobs(a=((100,),), b=((100,),)), set(), clock=clock)
    plan = SimpleNamespace(cells=[], spec=SimpleNamespace(name="sweep"))
    subject = SimpleNamespace(trial="a", place="network", cell="cell")
    monkeypatch.setattr(Progress, "_subject", lambda *_: subject)
    monkeypatch.setattr(module, "_SAYING_SECONDS", 0.0)
    left = TimeLeft(agenda, 1, {task_digest(TASK): Ground(seconds=1.0)}, clock=clock)
    progress = Progress(
        plan, agenda, time_left=left, display=Display(quiet=True), say_elsewhere=said.append, clock=clock
    )
    return SimpleNamespace(clock=clock, agenda=agenda, progress=progress, said=said)


def test_a_paused_run_says_why_and_not_when_it_ends(run):
    run.progress.tick()
    run.progress.stalled("no_room", "No room in the store:\nthe disk is full; trying again in 40 s")
    run.progress.tick()
    run.clock.now = 40.0
    run.agenda.next()
    run.progress.begun("a")
    run.progress.tick()
    assert run.said == [
        "0/0 cells done · about 3 min left · 0 running · 2 waiting",
        "0/0 cells done · 0 running · 2 waiting · No room in the store: the disk is full; trying again in 40 s",
        "0/0 cells done · about 3 min left · 1 running · 1 waiting",
    ]


def test_a_run_that_waits_for_a_retry_says_when_it_comes(run):
    for trial in "ab":
        run.agenda.next()
        run.progress.begun(trial)
        run.progress.interrupted(trial)
        run.agenda.give_back(trial, delay={"a": 300.0, "b": 240.0}[trial])
    run.progress.tick()
    assert run.said == ["0/0 cells done · about 7 min left · next retry in 4 min · 0 running · 2 waiting"]


@pytest.mark.parametrize(
    "happens",
    [
        lambda progress: progress.reached("a", 10, NOTHING),
        lambda progress: progress.failed("a", TOO_SLOW),
        lambda progress: progress.retried("a", TOO_SLOW, 4.0),
    ],
    ids=["reports", "fails", "is tried again"],
)
def test_a_trial_that_reports_again_or_ends_is_not_silent_any_more(run, happens):
    run.agenda.next()
    run.progress.begun("a")
    run.progress.stalled("silent_trial", "trial a has not reported", trial="a")
    run.agenda.next()
    run.progress.begun("b")
    run.progress.reached("b", 10, NOTHING)
    happens(run.progress)
    run.progress.tick()
    assert ["has not reported" in line for line in (run.said[0], run.said[-1])] == [True, False]
