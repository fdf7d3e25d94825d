"""Records are consolidated as a sweep runs: reading takes few files at any time, and always gives the same."""

from __future__ import annotations

import json
import shutil
from collections import Counter

import pytest

from tests.support.records import record
from workers.store import Store
from workers.store.layout import RecordKey, record_path
from workers.store.record_cache import RecordCache

DETAIL = {"layers": [], "curve": []}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A store of 60 records of which 56 have been consolidated, four at a time."""
    store = Store(tmp_path_factory.mktemp("template") / "store", create=True)
    for step in range(60):
        store.records.publish(record(trial="a", step=step), DETAIL)
        if step % 4 == 3 and step < 56:
            store.records.consolidate_some([key(later) for later in range(step - 3, step + 1)])
    return store.location


@pytest.fixture
def running(template, tmp_path):
    return Store(shutil.copytree(template, tmp_path / "store"))


def key(step):
    return RecordKey("a", step, record()["evaluation"])


def parts(store):
    return store.files.names("cache")


def read_files(store, monkeypatch):
    """The folders of the files that reading all records opens, and the steps of these records."""
    opened, read = Counter(), store.files.read
    monkeypatch.setattr(store.files, "read", lambda path: opened.update([path.partition("/")[0]]) or read(path))
    table, unreadable = store.records.read_all()
    assert unreadable == {}
    return opened, table.column("step").to_pylist()


def test_few_files_are_read_while_a_sweep_runs(running, monkeypatch):
    opened, steps = read_files(running, monkeypatch)
    assert steps == list(range(60))
    assert opened["results"] == 4
    assert opened["cache"] == len(parts(running)) <= 4
    assert running.records.sound() == (running.records.all_keys(), {})


def test_all_parts_are_one_at_the_end(running, monkeypatch):
    running.records.consolidate()
    assert parts(running) == ["records.parquet"]
    assert read_files(running, monkeypatch) == ({"cache": 1}, list(range(60)))


def test_a_record_in_two_parts_is_read_once(running, monkeypatch):
    """A driver may die before it has deleted the parts that it merged."""
    running.records.consolidate_some([key(step) for step in range(20)])
    assert read_files(running, monkeypatch)[1] == list(range(60))


def test_what_a_worker_tells_of_its_records_is_what_they_say(tmp_path):
    told, read = (Store(tmp_path / name, create=True) for name in ("told", "read"))
    for store in (told, read):
        for step in range(3):
            store.records.publish(record(step=step, train_loss=float("nan")), DETAIL)
    rows = json.loads(json.dumps(told.records.take_published()))
    assert told.records.take_published() == []
    told.records.consolidate_some([], rows)
    read.records.consolidate_some([RecordKey(row["trial"], row["step"], row["evaluation"]) for row in rows])
    assert str(RecordCache(told.files).read().to_pylist()) == str(RecordCache(read.files).read().to_pylist())
    assert len(rows) == 3


def test_a_damaged_part_costs_only_time(running):
    before = running.records.read_all()
    for name in parts(running):
        running.files.write(f"cache/{name}", b"PAR1 damaged")
    assert running.records.read_all() == before


def test_a_part_that_another_driver_merges_meanwhile_costs_only_time(running, monkeypatch):
    before = running.records.read_all()
    listed = RecordCache(running.files)._sizes()
    running.records.consolidate()
    monkeypatch.setattr(RecordCache, "_sizes", lambda self: listed)
    assert running.records.read_all() == before


def test_a_record_that_is_lost_is_not_in_a_part(running):
    running.files.delete(record_path(key(3)))
    assert 3 not in running.records.read_all().table.column("step").to_pylist()
