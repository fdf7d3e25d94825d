"""Old stores are read for ever; newer ones are refused and left alone.

`tests/golden/make_store.py` made `store-v1` with version 1 of everything, and `store-v2` to `store-v4` with versions 2
to 4 of records.
"""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pytest

from tests.support.places import GOLDEN
from workers.errors import CorruptFile, NewerFile, StoreError
from workers.store import Store, marker, record, record_cache, record_parsing, records
from workers.store.checksummed import from_parquet, to_parquet
from workers.store.failures import Failure
from workers.store.record import SCHEMA, SCHEMA_VERSION
from workers.training.states import state as state_file
from workers.training.states.state import dump_state, parse_state
from workers.trial import Stop

DENSE = "b7e6bf28788d006e6995"
FINE_TUNED = "951c744a547d5be112d6"


@pytest.fixture
def golden(tmp_path):
    """A copy, which a test may write to."""
    return Store(shutil.copytree(GOLDEN, tmp_path / "store"))


@pytest.fixture(params=["store-v1", "store-v2", "store-v3", "store-v4"])
def any_golden(tmp_path, request):
    return Store(shutil.copytree(GOLDEN.parent / request.param, tmp_path / "store"))


def bytes_of(store):
    return {path: store.files.read(path) for path in store.files.sizes("")}


def test_records_of_version_1(golden):
    rows = golden.records.read_all().table.select(
        ["trial", "step", "stage", "kept_weights", "epochs", "schema_version"]
    )
    assert [row for row in rows.to_pylist() if row["trial"] in (DENSE, FINE_TUNED)] == [
        {"trial": FINE_TUNED, "step": 6, "stage": "1", "kept_weights": 28, "epochs": 2.0, "schema_version": 1},
        {"trial": DENSE, "step": 12, "stage": "dense", "kept_weights": 114, "epochs": 4.0, "schema_version": 1},
    ]
    assert golden.records.sound() == (golden.records.all_keys(), {})  # though its cache says nothing of their sizes
    golden.files.delete("cache/records.parquet")
    found = golden.records.read_all()
    assert (found.table.num_rows, found.unreadable) == (3, {})
    for key in golden.records.all_keys():
        detail = golden.records.detail(key)
        assert detail["parameters"] is None
        assert [layer["layer"] for layer in detail["layers"]]


def test_states_sweeps_facts_and_failures_of_every_version(any_golden):
    golden = any_golden
    for stop in golden.states.checkpoint_sizes():
        parse_state(golden.states.read_checkpoint(stop), "golden", stop)
    assert Stop(DENSE, 12) in golden.states.checkpoint_sizes()
    assert golden.sweeps.read("0001-golden")["spec"]["name"] == "golden"
    assert golden.sweeps.read_cells("0001-golden").num_rows == 3
    [facts] = golden.files.names("facts")
    assert golden.sweeps.facts(facts.removesuffix(".json"))["dataset"]["train_images"] == 60
    assert golden.failures.read_all() == {
        "0" * 20: Failure(outcome="diverged", reason="loss is nan at step 3", step=3),
    }


def test_reading_writes_nothing(any_golden):
    golden = any_golden
    before = bytes_of(golden)
    golden.records.read_all()
    golden.failures.read_all()
    golden.sweeps.read_cells(*golden.sweeps.folders())
    assert bytes_of(golden) == before


def densities(store):
    """The measured densities and the schema versions of all records, by trial and step."""
    rows = store.records.read_all().table.to_pylist()
    assert {(row["metric"], row["metric_unit"], row["higher_is_better"]) for row in rows} == {
        ("accuracy", "percent", True)
    }
    assert all(0 < row["test_score"] <= 1 and row["test_examples"] == 24 for row in rows)
    assert all(row["achieved_density"] == row["kept_weights"] / row["prunable_weights"] for row in rows)
    return {(row["trial"], row["step"]): (row["achieved_density"], row["schema_version"]) for row in rows}


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_the_measured_density_has_one_name_in_records_of_every_version(tmp_path, version):
    store = Store(shutil.copytree(GOLDEN.parent / f"store-v{version}", tmp_path / "store"))
    from_cache = densities(store)
    assert len(from_cache) == 3
    assert from_cache[DENSE, 12] == (1.0, version)
    assert from_cache[FINE_TUNED, 6] == (28 / 114, version)
    store.files.delete("cache/records.parquet")
    assert densities(store) == from_cache
    store.records.consolidate()
    assert densities(store) == from_cache
    assert store.records.sound() == (store.records.all_keys(), {})


def test_a_record_repeated_with_this_version_equals_that_of_version_1(golden):
    [old] = [row for row in golden.records.read_all().table.to_pylist() if row["trial"] == FINE_TUNED]
    details = {"layers": [], "curve": []}
    assert golden.records.publish(old, details) == "duplicate"
    assert golden.records.conflicts() == []
    assert golden.records.publish(old | {"achieved_density": 0.5}, details) == "conflict"


def test_version_1_does_not_use_consolidated_records_of_a_later_one(golden):
    """It would read a renamed column as nulls. It takes only rows whose `size` is that of the record's own file."""
    golden.records.consolidate()
    cache = from_parquet("cache", golden.files.read("cache/records.parquet"))
    assert {"density", "size"}.isdisjoint(cache.column_names)


def test_consolidated_records_of_a_newer_version_are_not_used(golden):
    path = f"results/{DENSE}-00000012-44136fa3.parquet"
    golden.records.consolidate()
    golden.files.write(path, newer_record(golden, path))
    cache = from_parquet("cache", golden.files.read("cache/records.parquet"))
    sizes = [len(golden.files.read(f"results/{file}")) for file in cache.column("file").to_pylist()]
    versions = [SCHEMA_VERSION + (file in path) for file in cache.column("file").to_pylist()]
    cache = replaced(cache, "schema_version", pa.array(versions, pa.int32()))
    golden.files.write("cache/records.parquet", to_parquet(replaced(cache, "file_size", pa.array(sizes, pa.int64()))))
    assert list(golden.records.read_all().unreadable) == [path]


def newer_record(store, path):
    """The bytes of a record as the next version might write it."""
    table = from_parquet(path, store.files.read(path))
    newer = replaced(table, "schema_version", pa.array([SCHEMA_VERSION + 1], pa.int32()))
    return to_parquet(newer.append_column("energy", pa.array([1.5])))


def replaced(table, name, column):
    return table.set_column(table.schema.get_field_index(name), name, column)


def test_a_column_added_later_is_null_in_older_records(golden, monkeypatch):
    """The migration path: columns are only added, the version is raised, and older rows read with nulls there."""
    later = SCHEMA.append(pa.field("energy", pa.float64()))
    for module in (record, record_cache, record_parsing, records):
        monkeypatch.setattr(module, "SCHEMA", later)
    for module in (record, record_parsing, records):
        monkeypatch.setattr(module, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    before = {path: data for path, data in bytes_of(golden).items() if path.startswith("results/")}
    [old] = [row for row in golden.records.read_all().table.to_pylist() if row["trial"] == DENSE]
    assert old["energy"] is None
    assert golden.records.publish(old | {"step": 99, "energy": 1.5}, {"layers": [], "curve": []}) == "published"
    for _ in range(2):
        energies = golden.records.read_all().table.select(["step", "energy"]).to_pylist()
        assert {row["step"]: row["energy"] for row in energies} == {6: None, 12: None, 99: 1.5}
        golden.records.consolidate()
    assert before.items() <= bytes_of(golden).items()


def test_a_record_of_a_newer_version_is_named_and_left_alone(golden):
    path = f"results/{DENSE}-00000012-44136fa3.parquet"
    golden.files.write(path, newer_record(golden, path))
    golden.files.delete("cache/records.parquet")
    before = bytes_of(golden)
    assert golden.records.read_all().unreadable == {
        path: f"{path}: has schema version {SCHEMA_VERSION + 1}; this prunesweep reads up to {SCHEMA_VERSION}"
    }
    with pytest.raises(NewerFile):
        golden.records.read(path)
    assert bytes_of(golden) == before


def test_a_newer_store_is_refused_and_left_untouched(golden):
    golden.files.write("store.json", json.dumps({"format": marker.FORMAT + 1, "feature": "new"}).encode())
    before = bytes_of(golden)
    with pytest.raises(StoreError, match=r"has format 2, and this version of prunesweep reads up to 1(.|\n)*untouched"):
        Store(golden.location, create=True)
    assert bytes_of(golden) == before


def test_a_newer_checkpoint_is_told_from_a_damaged_one(golden, monkeypatch):
    data = golden.states.read_checkpoint(Stop(DENSE, 12))
    state = parse_state(data, "x")
    monkeypatch.setattr(state_file, "FORMAT", "2")
    newer, _ = dump_state(state)
    monkeypatch.undo()
    with pytest.raises(NewerFile, match="state format 2; this prunesweep reads 1"):
        parse_state(newer, "x")
    with pytest.raises(CorruptFile, match="checksum"):
        parse_state(data.replace(b'"format":"1"', b'"format":"2"'), "x")
