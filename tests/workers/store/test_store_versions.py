"""Old stores are read for ever; newer ones are refused and left alone.

`tests/golden/store-v1` was made by `tests/golden/make_store.py` with version 1 of everything.
"""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pytest

from tests.support.places import GOLDEN
from workers.errors import CorruptFile, NewerFile, StoreError
from workers.store import Store, marker, record, records
from workers.store.checksummed import from_parquet, to_parquet
from workers.store.failures import Failure
from workers.store.record import SCHEMA, SCHEMA_VERSION
from workers.training import state as state_file
from workers.training.state import dump_state, parse_state
from workers.trial import Stop

DENSE = "b7e6bf28788d006e6995"
FINE_TUNED = "951c744a547d5be112d6"


@pytest.fixture
def golden(tmp_path):
    """A copy, which a test may write to."""
    return Store(shutil.copytree(GOLDEN, tmp_path / "store"))


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
        assert [layer["layer"] for layer in golden.records.detail(key)["layers"]]


def test_states_sweeps_facts_and_failures_of_version_1(golden):
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


def test_reading_writes_nothing(golden):
    before = bytes_of(golden)
    golden.records.read_all()
    golden.failures.read_all()
    golden.sweeps.read_cells(*golden.sweeps.folders())
    assert bytes_of(golden) == before


def test_a_column_added_later_is_null_in_older_records(golden, monkeypatch):
    """The migration path: columns are only added, the version is raised, and older rows read with nulls there."""
    later = SCHEMA.append(pa.field("energy", pa.float64()))
    for module in (record, records):
        monkeypatch.setattr(module, "SCHEMA", later)
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
    table = from_parquet(path, golden.files.read(path))
    newer = table.set_column(
        table.schema.get_field_index("schema_version"), "schema_version", pa.array([SCHEMA_VERSION + 1], pa.int32())
    ).append_column("energy", pa.array([1.5]))
    golden.files.write(path, to_parquet(newer))
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
