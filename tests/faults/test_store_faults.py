"""The faults of sweep files, stores and workers, by their numbers in docs/reliability.md."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import json
import os
import shutil

import pytest

import prunesweep as ps
from orchestrator.planning import changes
from orchestrator.sweep.spec import spec_from_dict
from tests.support import tiny
from tests.support.executions import DENSE, OFTEN, execute
from tests.support.faulty_files import FaultyFiles
from tests.support.stores import contents, results
from tests.support.sweeps import grid, recipe, tiny_sweep
from workers import trial as trials
from workers.errors import BadInput, InputError
from workers.store import Store
from workers.store.filesystems.local import LocalFiles
from workers.training.run import run
from workers.trial import Job, trial_id

OPTIONS = ps.RunOptions(in_process=True, quiet=True)


def sgd(lr):
    return recipe(duration="4ep", batch_size=16, optimizer={"name": "SGD", "lr": lr})


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", create=True)


def test_fault_04_only_an_empty_network_is_refused(main, tmp_path):
    (tmp_path / "sweep.yaml").write_text(
        json.dumps(tiny_sweep(grid=grid(technique="weight_rewinding", compression=2000)))
    )
    code, _, stderr = main("run", tmp_path / "sweep.yaml", "--store", tmp_path / "store", "--in-process")
    assert code == 2
    assert "leaves none of the 816 prunable weights" in stderr
    assert not (tmp_path / "store").exists()


def test_fault_04_an_emptied_layer_is_recorded_as_collapsed(store):
    execute(DENSE, store)
    execute(
        Job(trial=tiny.retraining("fine_tuning", DENSE.trial, density="1/816"), records=(3,), checkpoints=()), store
    )
    [row] = [row for row in results(store) if row["stage"] == "1"]
    assert (row["kept_weights"], row["collapsed_layers"]) == (1, 2)


def test_fault_05_a_loss_that_is_not_finite_ends_the_trial(tmp_path, main):
    summary = ps.run(spec_from_dict(tiny_sweep(recipe=sgd(1e30))), tmp_path / "store", options=OPTIONS)
    assert (summary.exit_code, summary.failed, summary.blocked, summary.outcomes) == (3, 1, 2, {"diverged": 1})
    store = Store(tmp_path / "store")
    [failure] = store.failures.read_all().values()
    assert f"at step {failure.step} is not finite (last finite loss" in failure.reason
    assert results(store) == []
    again = ps.resume(tmp_path / "store", options=OPTIONS)
    assert again.outcomes == {"diverged": 1}
    assert store.failures.read_all() == {name: failure for name in store.failures.read_all()}  # not tried again
    assert "nan" not in main("table", tmp_path / "store")[1]


def test_fault_12_a_trial_executed_twice_at_once(store, tmp_path):
    execute(DENSE, alone := Store(tmp_path / "alone", create=True))
    one, other = run(DENSE, store, OFTEN), run(DENSE, store, OFTEN)
    while any([next(one, None) is not None, next(other, None) is not None]):
        pass
    assert results(store) == results(alone)
    assert store.records.conflicts() == []
    assert store.states.partial_sizes() == {}


def test_fault_12_a_differing_duplicate_is_kept_aside_and_reported(swept, main):
    [row, *_] = swept.records.read_all().table.to_pylist()
    before = contents(swept, "")
    assert swept.records.publish(row | {"test_score": 0.123}, {"layers": [], "curve": []}) == "conflict"
    assert before.items() <= contents(swept, "").items()
    assert "1 record in conflicts/" in main("status", swept.location)[1]
    assert "conflicting" in main("verify", swept.location)[1]


@pytest.mark.parametrize("command", ["status", "table", "export", "verify", "gc", "resume"])
def test_fault_16_a_newer_store_is_refused_and_untouched(swept, main, command):
    swept.files.write("store.json", b'{"format": 2}')
    before = contents(swept, "")
    code, _, stderr = main(command, swept.location)
    assert code == 4
    assert "install a newer prunesweep" in stderr
    assert contents(swept, "") == before


def test_fault_18_a_read_only_store_is_read_but_not_run(swept, main, monkeypatch):
    def refuse(self, path, *arguments):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    before = contents(swept, "")
    for name in ("write", "publish", "delete", "move"):
        monkeypatch.setattr(LocalFiles, name, refuse)
    for command in ("status", "table", "verify"):
        assert main(command, swept.location)[0] == 0
    code, _, stderr = main("resume", swept.location, "--in-process")
    assert code == 4
    assert "cannot write" in stderr
    assert contents(swept, "") == before


@pytest.mark.parametrize("operation", ["write", "publish", "read", "delete"])
@pytest.mark.parametrize("how", ["before", "after"])
def test_fault_19_a_store_that_fails_now_and_then(tmp_path, operation, how):
    execute(DENSE, alone := Store(tmp_path / "alone", create=True))
    files = LocalFiles(tmp_path / "flaky")
    Store("flaky", files=files, create=True)
    for number in itertools.count(1):
        faulty = FaultyFiles(files, operation, number * 3, how)
        with contextlib.suppress(OSError):
            execute(DENSE, Store("flaky", files=faulty))
            break
    store = Store("flaky", files=files)
    assert results(store) == results(alone)
    assert store.records.conflicts() == []


def test_fault_21_free_text_and_odd_places_are_fine(tmp_path, main):
    location = tmp_path / "a store — with 😀 [and] %20"
    spec = spec_from_dict(tiny_sweep(description="../../x\n😀 \u202e <b>"))
    assert ps.run(spec, location, options=OPTIONS).exit_code == 0
    assert main("table", location)[0] == main("verify", location)[0] == 0


def test_fault_21_links_out_of_the_store_are_not_followed(swept, tmp_path):
    path = sorted(swept.files.sizes("results"))[0]
    swept.files.delete("cache/records.parquet")
    shutil.copy(swept.files.root / path, tmp_path / "elsewhere")
    swept.files.delete(path)
    (swept.files.root / path).symlink_to(tmp_path / "elsewhere")
    assert list(swept.records.read_all().unreadable) == [path]


@pytest.mark.parametrize("content", [None, b"", b"PAR1 half of a download"])
def test_fault_22_data_missing_or_half_downloaded(tmp_path, main, content):
    (tmp_path / "data").mkdir()
    if content is not None:
        for split in ("train", "test"):
            (tmp_path / "data" / f"{split}-00000.parquet").write_bytes(content)
    data = {"name": "image_parquet", "path": str(tmp_path / "data")}
    (tmp_path / "sweep.yaml").write_text(json.dumps(tiny_sweep(dataset=data)))
    code, _, stderr = main("run", tmp_path / "sweep.yaml", "--store", tmp_path / "store", "--in-process")
    assert code == 2
    assert str(tmp_path / "data") in stderr
    assert not (tmp_path / "store").exists()


def test_fault_22_other_data_than_planned_are_refused_where_they_are_read(store):
    task = DENSE.trial.task
    planned = dataclasses.replace(task, dataset=dataclasses.replace(task.dataset, fingerprint="0123"))
    job = dataclasses.replace(DENSE, trial=dataclasses.replace(DENSE.trial, task=planned))
    with pytest.raises(BadInput, match="the data have changed since the sweep was planned"):
        execute(job, store)
    assert contents(store, "").keys() == {"store.json"}


def test_fault_23_other_settings_are_other_trials_and_the_old_ones_stay(swept):
    before = results(swept)
    assert ps.run(spec_from_dict(tiny_sweep(recipe=sgd(0.05))), swept.location, options=OPTIONS).exit_code == 0
    after = results(swept)
    assert len(after) == 2 * len(before)
    assert all(row in after for row in before)
    assert len(swept.sweeps.folders()) == 2


def test_fault_23_changed_numerics_are_refused_until_told(swept, monkeypatch):
    for module in (changes, trials):
        monkeypatch.setattr(module, "NUMERICS_VERSION", trials.NUMERICS_VERSION + 1)
    before = contents(swept, "")
    with pytest.raises(InputError, match=r"the numerics version has changed since(.|\n)*--accept-changes"):
        ps.run(spec_from_dict(tiny_sweep()), swept.location, options=OPTIONS)
    assert {path: data for path, data in contents(swept, "").items() if path != "lease.json"} == before
    ps.run(spec_from_dict(tiny_sweep()), swept.location, accept_changes=True, options=OPTIONS)
    assert len(results(swept)) == 6


def test_fault_23_records_say_where_they_were_made(swept):
    [row, *_] = swept.records.read_all().table.to_pylist()
    for name in (
        "device",
        "instruction_set",
        "threads",
        "torch_version",
        "python_version",
        "prunesweep_version",
        "host",
    ):
        assert row[name] is not None, name
    assert row["trial"] == trial_id(trials.trial_from_json(json.loads(row["settings"])))
