"""Failures as JSON, those that early versions wrote included."""

from __future__ import annotations

import itertools
import json
import threading

import pytest

from workers.store.checksummed import to_json
from workers.store.failures import Failure, Failures
from workers.store.filesystems.local import LocalFiles

EARLY = {
    "outcome": "bad_input",
    "reason": "the data changed\n\nhint: restore them",
    "step": 3,
    "host": "node1",
    "at": "2026-01-02T03:04:05+00:00",
    "traceback": None,
}


def test_a_failure_survives_json():
    failure = Failure(
        outcome="io", reason="disk\nfull", hint="make room", step=7, attempts={"io": 2}, log="logs/a/0001.log"
    )
    assert Failure.of_json(json.loads(json.dumps(failure.to_json()))) == failure


def test_early_versions_wrote_the_hint_at_the_end_of_the_reason():
    failure = Failure.of_json(EARLY)
    assert (failure.reason, failure.hint) == ("the data changed", "restore them")
    assert (failure.step, failure.host, failure.at, failure.attempts) == (3, "node1", EARLY["at"], {})


def test_what_a_later_version_adds_is_ignored():
    assert Failure.of_json(EARLY | {"rank": 1}) == Failure.of_json(EARLY)


@pytest.mark.parametrize("data", [{}, {"outcome": "bug"}, {"reason": "why"}, {"outcome": 1, "reason": "why"}])
def test_what_is_not_a_failure_is_refused(data):
    with pytest.raises(ValueError, match="no outcome or no reason"):
        Failure.of_json(data)


def test_the_explanation_is_the_traceback_or_the_reason_and_its_hint():
    failure = Failure(outcome="bug", reason="first\nsecond", hint="report it")
    assert failure.first_line == "first"
    assert failure.explanation == "first\nsecond\n\nhint: report it"
    assert Failure(outcome="bug", reason="first", traceback="Traceback ...").explanation == "Traceback ..."


def test_failed_attempts_in_the_folder_of_early_versions_are_counted_on(tmp_path):
    files = LocalFiles(tmp_path)
    failures = Failures(files)
    files.write("losses/a.json", to_json({"lost_worker": 2}))
    assert failures.trials_with_failed_attempts() == {"a"}
    assert failures.failed_attempts("a") == {"lost_worker": 2}
    failures.write_failed_attempts("a", {"lost_worker": 3})
    assert failures.failed_attempts("a") == {"lost_worker": 3}
    assert files.exists("attempts/a.json")
    failures.delete("a")
    assert (failures.failed_attempts("a"), files.sizes("")) == ({}, {})


def test_many_failures_are_read_at_once(tmp_path, monkeypatch):
    """Each may take a request to a bucket: one after the other, a thousand would take a minute."""
    failures = Failures(LocalFiles(tmp_path))
    names = [f"trial{number:02}" for number in range(64)]
    for trial in names:
        failures.write(trial, Failure(outcome="io", reason=trial))
    readers, another = itertools.count(1), threading.Event()

    def read(self, path):
        if next(readers) > 1:
            another.set()
        assert another.wait(10)
        return original(self, path)

    original = LocalFiles.read
    monkeypatch.setattr(LocalFiles, "read", read)
    assert {trial: failure.reason for trial, failure in failures.read_all().items()} == {
        trial: trial for trial in names
    }
