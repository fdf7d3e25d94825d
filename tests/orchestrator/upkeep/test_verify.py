"""`verify` and `gc` on a whole store: what each names, moves, deletes, and never touches."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest

import prunesweep as ps
from orchestrator.sweep.spec import spec_from_dict
from orchestrator.upkeep.gc import collect
from orchestrator.upkeep.verify import verify
from tests.support.closed import close_file
from tests.support.places import GOLDEN
from tests.support.stores import results
from tests.support.sweeps import tiny_sweep
from workers.errors import StoreError
from workers.store import Store

OPTIONS = ps.RunOptions(in_process=True, quiet=True)


def a_sweep(**overrides):
    """A dense network and two pruned ones, that train in no time."""
    return spec_from_dict(tiny_sweep(**overrides))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    location = tmp_path_factory.mktemp("made") / "store"
    assert ps.run(a_sweep(), location, options=OPTIONS).exit_code == 0
    return location


@pytest.fixture
def store(made, tmp_path):
    return Store(shutil.copytree(made, tmp_path / "store"))


def first(store, folder, ending=""):
    return next(path for path in sorted(store.files.sizes(folder)) if path.endswith(ending))


def damage(store, path, how):
    data = store.files.read(path)
    middle = len(data) // 2
    store.files.write(
        path,
        {
            "empty": b"",
            "half": data[:middle],
            "flip": data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :],
            "foreign": b"PK\3\4 something else",
        }[how],
    )


def kinds(store, **options):
    return {problem.path: problem.kind for problem in verify(store, **options).problems}


def test_a_sound_store_is_clean(store):
    verification = verify(store)
    assert verification.problems == []
    assert verification.files == len(store.files.sizes(""))
    assert "no problems found" in str(verification)


@pytest.mark.parametrize(
    ("folder", "ending", "how"),
    [
        ("results", "", "empty"),
        ("results", "", "half"),
        ("results", "", "flip"),
        ("results", "", "foreign"),
        ("checkpoints", "", "foreign"),
        ("checkpoints", "", "flip"),
        ("facts", "", "half"),
        ("cache", ".parquet", "flip"),
        ("sweeps", "cells.parquet", "flip"),
        ("sweeps", "sweep.json", "empty"),
    ],
)
def test_damage_is_found_set_aside_and_made_again(store, made, folder, ending, how):
    path = first(store, folder, ending)
    damage(store, path, how)
    assert kinds(store)[path] == "corrupt"
    damaged = store.files.read(path)
    verify(store, repair=True)
    assert store.files.read(f"quarantine/{path}") == damaged
    assert ps.run(a_sweep(), store.location, options=OPTIONS).exit_code == 0
    assert verify(store).problems == []
    assert results(store) == results(Store(made))


@pytest.mark.parametrize(
    ("folder", "ending"),
    [
        ("results", ""),
        ("checkpoints", ""),
        ("facts", ""),
        ("cache", ".parquet"),
        ("sweeps", "cells.parquet"),
        ("sweeps", "sweep.json"),
    ],
)
def test_a_file_that_cannot_be_read_may_be_sound_and_is_not_moved(store, monkeypatch, folder, ending):
    closed = first(store, folder, ending)
    before = store.files.sizes("")
    close_file(monkeypatch, closed)
    verification = verify(store, repair=True)
    assert [(problem.path, problem.kind) for problem in verification.problems] == [(closed, "unreadable")]
    assert "hint: let this user read the unreadable files" in str(verification)
    assert "moved" not in str(verification)
    assert store.files.sizes("") == before


def test_every_bit_of_a_record_counts(store):
    path, *others = sorted(store.files.sizes("results"))
    for unneeded in ("cache/records.parquet", *others):
        store.files.delete(unneeded)
    data = store.files.read(path)
    for at in range(0, len(data), 23):
        store.files.write(path, data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
        assert path in store.records.read_all().unreadable


def test_orphans_foreigners_and_half_written_files_are_told_apart(store):
    record, checkpoint = first(store, "results"), first(store, "checkpoints")
    store.files.write("details/" + "0" * 20 + "-00000001-aaaaaaaa.parquet", b"")
    store.files.write("notes.txt", b"mine")
    store.files.write("results/readme.md", b"mine")
    store.files.write("conflicts/x.parquet", store.files.read(record))
    store.files.write(f"checkpoints/{'0' * 20}/00000001.safetensors", store.files.read(checkpoint))
    store.files.write(checkpoint.replace("checkpoints", "progress"), store.files.read(checkpoint))
    store.files.write("sweeps/0007-half/cells.parquet", b"")
    found = kinds(store)
    assert found == {
        "details/" + "0" * 20 + "-00000001-aaaaaaaa.parquet": "orphaned",
        "notes.txt": "foreign",
        "results/readme.md": "foreign",
        "conflicts/x.parquet": "conflicting",
        f"checkpoints/{'0' * 20}/00000001.safetensors": "corrupt",  # it is the state of another stop
        checkpoint.replace("checkpoints", "progress"): "orphaned",
        "sweeps/0007-half/cells.parquet": "half-written",
    }


def test_details_in_a_separate_file_belong_to_their_record(tmp_path):
    """As records before schema 3 have them."""
    store = Store(shutil.copytree(GOLDEN, tmp_path / "store"))
    assert kinds(store) == {}
    damaged, missing, _ = sorted(store.files.sizes("details"))
    store.files.write(damaged, b"damaged")
    store.files.delete(missing)
    assert kinds(store) == {
        damaged: "corrupt",
        damaged.replace("details", "results"): "orphaned",
        missing.replace("details", "results"): "half-written",
    }


def test_checkpoints_that_no_sweep_has_are_orphans(store):
    shutil.rmtree(store.files.root / "sweeps")
    found = kinds(store)
    assert set(found.values()) == {"orphaned"}
    assert set(found) == set(store.files.sizes("checkpoints"))


def test_repairing_twice_keeps_both(store):
    for _ in range(2):
        store.files.write("notes.txt", b"mine")
        verify(store, repair=True)
    assert sorted(store.files.sizes("quarantine")) == ["quarantine/2/notes.txt", "quarantine/notes.txt"]


def test_old_half_written_files_are_found_and_young_ones_left_alone(store):
    for name, age in (("results/.old.tmp", 700), ("results/.young.tmp", 10)):
        path = store.files.root / name
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    assert kinds(store) == {"results/.old.tmp": "half-written"}
    assert collect(store).files["temporaries"].keys() == {"results/.old.tmp"}
    assert not (store.files.root / "results/.old.tmp").exists()
    assert (store.files.root / "results/.young.tmp").exists()


def test_the_command_exits_with_3_if_it_found_something(main, store):
    assert main("verify", store.location)[0] == 0
    damage(store, first(store, "facts"), "half")
    code, stdout, _ = main("verify", store.location, "--json")
    assert code == 3
    assert [finding["kind"] for finding in json.loads(stdout)["findings"]] == ["corrupt"]
    assert main("verify", store.location, "--repair")[0] == 3
    assert main("verify", store.location)[0] == 0


@pytest.mark.parametrize("command", ["status", "table", "export"])
def test_reading_commands_survive_a_damaged_sweep(main, store, tmp_path, command):
    ps.run(a_sweep(name="other"), store.location, options=OPTIONS)
    path = first(store, "sweeps/0001-tiny", "cells.parquet")
    damage(store, path, "half")
    to = ["--to", tmp_path / "out"] if command == "export" else []
    code, stdout, stderr = main(command, store.location, *to)
    assert code == 3
    assert f"skipped {path}" in stderr
    assert stdout


def test_a_plan_survives_damaged_facts(main, store, tmp_path):
    path = first(store, "facts")
    damage(store, path, "flip")
    file = tmp_path / "sweep.yaml"
    file.write_text(json.dumps(a_sweep().canonical()))
    code, stdout, stderr = main("plan", file, "--store", store.location)
    assert (code, f"skipped {path}" in stderr, "3 of 3 cells" in stdout) == (3, True, True)


def test_what_a_sweep_keeps_is_never_deleted(store):
    before = store.files.sizes("")
    assert collect(store).bytes == 0
    assert store.files.sizes("") == before


def test_results_only_keeps_what_a_missing_cell_begins_with(tmp_path):
    ps.run(a_sweep(keep="results_only"), tmp_path / "store", only="compression=2", options=OPTIONS)
    store = Store(tmp_path / "store")
    assert collect(store).bytes == 0
    assert store.states.checkpoint_sizes()


def test_results_only_deletes_states_once_all_is_done(store):
    shutil.rmtree(store.files.root / "sweeps")  # the one that keeps all
    ps.run(a_sweep(keep="results_only"), store.location, options=OPTIONS)
    before, expected = results(store), store.states.checkpoint_sizes()
    assert collect(store, dry_run=True).bytes == sum(expected.values()) > 0
    assert store.states.checkpoint_sizes() == expected
    assert "Deleted" in str(collect(store))
    assert store.states.checkpoint_sizes() == {}
    assert results(store) == before


def test_a_sweep_that_keeps_all_protects_what_another_would_delete(store):
    ps.run(a_sweep(keep="results_only", name="other"), store.location, options=OPTIONS)
    assert collect(store, dry_run=True).bytes == 0


def test_nothing_is_deleted_while_a_sweep_cannot_be_read(store):
    damage(store, first(store, "sweeps", "sweep.json"), "half")
    with pytest.raises(StoreError, match=r"needs are unknown(.|\n)*verify --repair"):
        collect(store)


def test_the_quarantine_goes_only_if_told_to(store):
    store.files.write("quarantine/x", b"12345")
    assert collect(store).bytes == 0
    assert collect(store, quarantine=True).files["quarantine"] == {"quarantine/x": 5}
    assert store.files.sizes("quarantine") == {}
