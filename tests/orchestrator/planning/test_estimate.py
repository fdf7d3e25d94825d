"""The time that `plan` tells: from past trials, else from the rehearsal of each task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.planning import estimate
from orchestrator.planning import preview as preview_module
from orchestrator.planning.crossing import find_out, questions
from orchestrator.planning.estimate import rehearsed_seconds_per_step, seconds_per_step
from orchestrator.planning.preview import preview
from orchestrator.sweep.spec import spec_from_dict
from tests.support.records import make_store, record
from tests.support.sweeps import tiny_sweep
from workers.store import Store
from workers.trial import canonical

SPEC = spec_from_dict(tiny_sweep())


@pytest.fixture
def facts():
    return find_out(SPEC, None).facts


def rehearse(facts, seconds):
    """Note in the facts of the tiny sweep what its rehearsal has shown."""
    [key] = {question.key for question in questions(SPEC)}
    done = {"evaluation": canonical(SPEC.evaluation.for_worker), "device": "cpu"}
    facts._answers[key]["rehearsal"] = done | seconds


def test_without_past_trials_the_time_is_from_the_rehearsal(facts):
    rehearse(facts, {"digest": "d", "seconds_per_step": 0.5})
    plan = preview(SPEC, known_before=facts)
    assert plan.seconds == 0.5 * plan.steps_missing
    assert plan.seconds_rehearsed
    assert str(plan).endswith("of compute, divided by trials in parallel, from the rehearsal")


def test_past_trials_count_more_than_the_rehearsal(facts, tmp_path, monkeypatch):
    rehearse(facts, {"digest": "d", "seconds_per_step": 0.5})
    past = dict.fromkeys(rehearsed_seconds_per_step(questions(SPEC), facts), 2.0)
    monkeypatch.setattr(preview_module, "seconds_per_step", lambda store: past)
    store = Store(tmp_path / "store", create=True)
    plan = preview(SPEC, store=store.location, known_before=facts)
    assert plan.seconds == 2.0 * plan.steps_missing
    assert not plan.seconds_rehearsed
    assert "rehearsal" not in str(plan)


@pytest.mark.parametrize("rehearsal", [None, {"skipped": "this machine has no `cuda` device"}])
def test_without_past_trials_or_a_rehearsal_the_time_is_unknown(facts, rehearsal):
    if rehearsal is not None:
        rehearse(facts, rehearsal)
    plan = preview(SPEC, known_before=facts)
    assert plan.seconds is None
    assert "unknown until the first trials are in the store" in str(plan)


def test_of_many_past_trials_the_newest_count(tmp_path, monkeypatch):
    monkeypatch.setattr(estimate, "_ENOUGH", 2)
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    past = [
        record(trial=trial, step=10, settings='{"task": {}}', wall_seconds=seconds, finished_at=begun + timedelta(days))
        for trial, days, seconds in (("a", 3, 30.0), ("b", 1, 90.0), ("c", 2, 10.0))
    ]
    store = make_store(tmp_path / "store", [], past)
    assert list(seconds_per_step(store).values()) == [2.0]
