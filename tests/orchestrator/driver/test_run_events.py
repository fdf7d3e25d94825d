"""What a whole run tells: on the command line, to notices and trackers, and when it stops at the first failure."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager

import pytest

import prunesweep as ps
from orchestrator.driver import session
from orchestrator.sweep.spec import spec_from_dict
from orchestrator.tracking import audience as audience_module
from orchestrator.tracking.events import SweepEnded, SweepStarted, TrialEnded, TrialReached, TrialStarted
from tests.support.stores import undisturbed_run, with_facts
from tests.support.sweeps import grid, tiny_sweep
from tests.support.trainings import fail_in_step
from workers.errors import InputError, StoreError
from workers.waiting import NoAnswer

SPEC = spec_from_dict(tiny_sweep(grid=grid(technique="lr_rewinding", compression=4, budget="50%", replicates=2)))


undisturbed = undisturbed_run(SPEC)


@pytest.fixture
def store(tmp_path, undisturbed):
    return with_facts(tmp_path / "store", undisturbed)


@pytest.fixture
def heard(monkeypatch):
    """The events of each run."""
    events = []

    class Ears:
        hear = staticmethod(events.append)

    @contextmanager
    def audience(**_):
        yield [Ears()]

    monkeypatch.setattr(session, "audience", audience)
    return events


def run(store, **options):
    return ps.run(SPEC, store, options=ps.RunOptions(in_process=True, checkpoint_seconds=0, **options))


def test_a_run_tells_of_its_beginning_its_trials_and_its_end(store, heard):
    run(store, quiet=True)
    assert isinstance(heard[0], SweepStarted)
    assert (heard[0].cells, heard[0].cells_done, heard[0].trials) == (4, 0, 4)
    ended = [event for event in heard if isinstance(event, TrialEnded)]
    assert [event.outcome for event in ended] == ["done"] * 4
    assert len({event.subject.trial for event in heard if isinstance(event, TrialStarted)}) == 4
    frame = ps.frame(store).set_index("trial")
    for event in ended:
        [scores] = event.scores.values()
        assert scores["test_accuracy"] == frame.loc[event.subject.trial, "test_accuracy"]
        assert event.subject.settings["technique"] == frame.loc[event.subject.trial, "technique"]
        assert event.seconds > 0
    reports = [event for event in heard if isinstance(event, TrialReached)]
    assert all(event.loss > 0 for event in reports)
    assert isinstance(heard[-1], SweepEnded)
    assert (heard[-1].exit_code, heard[-1].cells_done, heard[-1].reason) == (0, 4, "")


def test_the_lease_says_how_the_run_stands(store, monkeypatch):
    lines = []

    class Telling(session.Lease):
        says = property(lambda self: "", lambda self, line: lines.append(line))

    monkeypatch.setattr(session, "Lease", Telling)
    monkeypatch.setattr("orchestrator.driver.progress.progress._SAYING_SECONDS", 0)
    run(store, quiet=True)
    assert any(line.startswith("2/4 cells done · ") for line in lines)
    assert lines[-1].startswith("4/4 cells done")


def test_a_run_with_nothing_to_do_tells_of_its_end_only(store, heard):
    run(store, quiet=True)
    heard.clear()
    run(store, quiet=True)
    assert [type(event) for event in heard] == [SweepEnded]
    assert heard[0].exit_code == 0


def test_a_run_that_an_error_ends_tells_why(store, heard, monkeypatch):
    def refuse(self):
        raise StoreError("the lease is lost", hint="wait")

    monkeypatch.setattr(session.Execution, "run", refuse)
    with pytest.raises(StoreError):
        run(store)
    assert (heard[-1].exit_code, heard[-1].reason, heard[-1].cells) == (4, "the lease is lost", 4)


def test_an_interrupted_run_whose_store_does_not_answer_says_so(store, heard, monkeypatch):
    def interrupted(execution):
        execution.interrupt.signal = signal.SIGINT
        raise NoAnswer(1)

    monkeypatch.setattr(session.Execution, "run", interrupted)
    with pytest.raises(
        StoreError, match=r"interrupted, and store `.*` does not answer\n\nhint: finished work is saved"
    ):
        run(store)
    assert heard[-1].exit_code == 130


@pytest.mark.parametrize(("words", "failed"), [((), 2), (("diverged",), 2), (("bug",), 1), (("all",), 1)])
def test_fail_fast_stops_at_the_first_failure_of_a_class(store, heard, monkeypatch, words, failed, capsys):
    fail_in_step(monkeypatch, RuntimeError("a bug of the user's own"), times=2)
    summary = run(store, fail_fast=words)
    assert summary.outcomes == {"bug": failed}
    assert summary.exit_code == heard[-1].exit_code == 3
    assert ("Stopping: a trial failed with `bug`" in capsys.readouterr().err) == (failed == 1)
    assert len([event for event in heard if isinstance(event, TrialStarted)]) == failed


def test_the_first_failure_of_an_earlier_run_stops_nothing(store, monkeypatch):
    fail_in_step(monkeypatch, RuntimeError("a bug of the user's own"), times=1)
    run(store, quiet=True, fail_fast=("bug",))
    assert run(store, quiet=True, fail_fast=("bug",)).trained == 2  # the other replicate


def test_a_command_at_the_end_gets_the_outcome(store, tmp_path, monkeypatch):
    monkeypatch.setattr(audience_module, "_NOTICE_SECONDS", 600)  # however busy the machine is
    run(store, quiet=True, on_end=f"cat > {tmp_path}/notice")
    notice = json.loads((tmp_path / "notice").read_text())
    assert notice | {"event": "SweepEnded", "outcome": "done", "cells": 4, "cells_done": 4} == notice


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fail_fast": ("bugs",)}, "`--fail-fast`: not an outcome of a failed trial: `bugs`"),
        ({"notify": "example.org"}, "must be a URL"),
        ({"on_end": " "}, "must be a shell command"),
        ({"fail_fast": ("",)}, "not an outcome of a failed trial"),
        ({"track": ("tensorbord:x",)}, "`--track` names an unknown tracker"),
    ],
)
def test_options_that_cannot_be_used_are_refused_before_anything_starts(options, message):
    with pytest.raises(InputError, match=message):
        ps.RunOptions(**options)
