"""Work in a store can be repeated: after faults of its file system, and as a dictionary that dies at any operation."""

from __future__ import annotations

import shutil
import tempfile

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.faulty_files import FaultyFiles
from tests.support.store_parts import CELLS, DETAIL, accuracies, files_at, record
from workers import crashpoints
from workers.errors import StoreError
from workers.store import Store
from workers.store.failures import Failure
from workers.store.layout import RecordKey, checkpoint_path
from workers.trial import Stop


def work(store):
    """A sweep's life in a store."""
    store.sweeps.add("s", {"n": 1}, CELLS)
    store.sweeps.pin_facts("k", {"n": 1})
    for step in (2, 4, 6):
        store.states.write_partial(Stop("a", step), b"state" * 10)
        store.states.write_checkpoint(Stop("a", step), b"state" * 10)
        store.records.publish(record(step=step), DETAIL)
    store.states.delete_partial("a")
    store.records.consolidate()


@pytest.mark.parametrize("kind", ["local", "memory"])
@pytest.mark.parametrize(
    ("operation", "how"),
    [(operation, how) for operation in ("write", "publish") for how in ("before", "after", "partial", "full", "slow")]
    + [("delete", how) for how in ("before", "after", "slow")]
    + [("read", how) for how in ("before", "after", "slow")],
)
def test_a_fault_at_any_call_loses_nothing_and_work_can_be_repeated(tmp_path, kind, operation, how):
    plain = files_at(kind, tmp_path / "plain")
    work(Store("x", files=plain, create=True))
    expected = accuracies(Store("x", files=plain))
    for number in range(1, 30):
        files = files_at(kind, tmp_path / f"{number}")
        Store("x", files=files, create=True)
        faulty = FaultyFiles(files, operation, number, how, until=number + 2 if how == "full" else None)
        errors = 0
        while True:
            try:
                work(Store("x", files=faulty))
                break
            except (OSError, StoreError):
                errors += 1
            seen = accuracies(Store("x", files=files))
            assert seen.items() <= expected.items()
        assert errors <= 3
        store = Store("x", files=files)
        assert accuracies(store) == expected
        assert store.records.conflicts() == []
        assert store.states.partial_sizes() == {}
        assert set(store.states.checkpoint_sizes()) == {Stop("a", step) for step in (2, 4, 6)}
        assert len(store.sweeps.folders()) <= 2
        shutil.rmtree(tmp_path / f"{number}", ignore_errors=True)
        if next(faulty.calls) <= number:
            break


class StoreAgainstDictionary(RuleBasedStateMachine):
    """Any sequence of operations, each of which may die half-way, leaves what a dictionary would hold."""

    trials = st.sampled_from(["a", "b"])
    steps = st.integers(0, 3)
    accuracies = st.sampled_from([0.25, 0.5])
    crashes = st.integers(0, 12)

    @initialize()
    def create(self):
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(f"{self.folder.name}/store", create=True)
        self.records, self.checkpoints, self.failures, self.conflicts = {}, {}, {}, 0

    def attempt(self, crash, operation):
        """Whether it came to its end; it dies at the crash-th crash point it passes (0: nowhere)."""
        left = [crash]

        def hook(name):
            left[0] -= 1
            if left[0] == 0:
                raise crashpoints.Crash(name)

        crashpoints.watch(hook)
        try:
            operation()
        except crashpoints.Crash:
            return False
        finally:
            crashpoints.watch(None)
        return True

    @rule(trial=trials, step=steps, accuracy=accuracies, crash=crashes)
    def publish(self, trial, step, accuracy, crash):
        key = RecordKey(trial, step, "e")
        before = len(self.store.records.conflicts())
        whole = self.attempt(crash, lambda: self.store.records.publish(record(trial, step, accuracy), DETAIL))
        there = self.store.records.has(key)
        assert there or not whole
        if key not in self.records and there:
            self.records[key] = accuracy
        conflicts = len(self.store.records.conflicts()) - before
        differs = self.records.get(key, accuracy) != accuracy
        assert conflicts == differs or (conflicts == 0 and not whole)

    @rule(trial=trials, step=steps, data=st.binary(max_size=3), crash=crashes)
    def checkpoint(self, trial, step, data, crash):
        stop = Stop(trial, step)
        whole = self.attempt(crash, lambda: self.store.states.write_checkpoint(stop, data))
        if whole or (self.store.states.has_checkpoint(stop) and self.store.states.read_checkpoint(stop) == data):
            self.checkpoints[stop] = data

    @rule(trial=trials, step=steps)
    def delete_checkpoint(self, trial, step):
        self.store.files.delete(checkpoint_path(Stop(trial, step)))
        self.checkpoints.pop(Stop(trial, step), None)

    @rule(trial=trials, reason=st.text(max_size=5))
    def fail(self, trial, reason):
        self.store.failures.write(trial, Failure(outcome="bug", reason=reason))
        self.failures[trial] = Failure(outcome="bug", reason=reason)

    @rule(trial=trials)
    def forget(self, trial):
        self.store.failures.delete(trial)
        self.failures.pop(trial, None)

    @rule(crash=crashes)
    def consolidate(self, crash):
        self.attempt(crash, self.store.records.consolidate)

    @rule(data=st.binary(max_size=40))
    def damage_the_cache(self, data):
        self.store.files.write("cache/records.parquet", data)

    @rule()
    def open_again(self):
        self.store = Store(self.store.location)

    @invariant()
    def it_holds_what_the_dictionary_does(self):
        assert accuracies(self.store) == self.records
        assert self.store.records.all_keys() == self.records.keys()
        assert {
            stop: self.store.states.read_checkpoint(stop) for stop in self.store.states.checkpoint_sizes()
        } == self.checkpoints
        assert self.store.failures.read_all() == self.failures

    def teardown(self):
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestStoreAgainstDictionary = StoreAgainstDictionary.TestCase
TestStoreAgainstDictionary.settings = settings(max_examples=30, stateful_step_count=25, database=None)
