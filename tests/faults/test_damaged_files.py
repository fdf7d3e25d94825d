"""The faults of damaged files in a store, by their numbers in docs/reliability.md."""

from __future__ import annotations

import json
import logging
import os
import pickle

import pytest
import torch

import prunesweep as ps
from tests.support import tiny
from tests.support.executions import DENSE, execute, interrupted
from tests.support.stores import results
from tests.support.sweeps import tiny_sweep
from workers.errors import BadInput
from workers.store import Store
from workers.trial import Job

OPTIONS = ps.RunOptions(in_process=True, quiet=True)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", create=True)


@pytest.mark.parametrize("damaged", [1, 2])
@pytest.mark.parametrize("how", ["truncated", "flipped"])
def test_fault_13_a_damaged_checkpoint(store, tmp_path, caplog, damaged, how):
    execute(DENSE, alone := Store(tmp_path / "alone", create=True))
    interrupted(store, 7)
    newest = sorted(store.states.partial_sizes())[-damaged:]
    for stop in newest:
        path = f"progress/{stop.trial}/{stop.step:08d}.safetensors"
        data = store.files.read(path)
        flipped = data[:-9] + bytes([data[-9] ^ 16]) + data[-8:]
        store.files.write(path, data[:-9] if how == "truncated" else flipped)
    with caplog.at_level(logging.WARNING):
        execute(DENSE, store)
    assert [message.count("skipped state of trial") for message in caplog.messages] == [1] * damaged
    assert results(store) == results(alone)


@pytest.mark.parametrize("kind", ["checkpoints", "progress"])
@pytest.mark.parametrize("save", ["pickle", "torch"])
def test_fault_14_a_pickle_is_never_executed(store, tmp_path, kind, save):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    if kind == "checkpoints":
        execute(DENSE, store)
    else:
        interrupted(store, 3)
    for path in store.files.sizes(kind):
        if save == "pickle":
            store.files.write(path, pickle.dumps(Payload()))
        else:
            torch.save({"model": Payload()}, store.files.root / path)
    if kind == "progress":
        execute(DENSE, store)
    else:
        child = Job(trial=tiny.retraining("fine_tuning", DENSE.trial), records=(3,), checkpoints=())
        with pytest.raises(BadInput, match=r"not a state file of prunesweep(.|\n)*verify --repair"):
            execute(child, store)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [b"", b"PAR1", b"half", b"foreign"])
def test_fault_15_a_corrupt_record(swept, made, main, content):
    path = sorted(swept.files.sizes("results"))[-1]
    whole = swept.files.read(path)
    swept.files.write(path, {b"half": whole[: len(whole) // 2], b"foreign": b"{}" * 50}.get(content, content))
    swept.files.delete("cache/records.parquet")
    code, stdout, stderr = main("table", swept.location)
    assert code == 3
    assert path in stderr
    assert "weight_rewinding" in stdout
    assert main("verify", swept.location, "--repair")[0] == 3
    assert ps.resume(swept.location, options=OPTIONS).exit_code == 0
    assert results(swept) == results(Store(made))
    assert main("verify", swept.location)[0] == 0


@pytest.mark.parametrize("command", ["status", "table", "plan", "run"])
def test_fault_15_a_record_that_is_half_there_is_named_although_the_cache_has_it(swept, main, command, tmp_path):
    path = sorted(swept.files.sizes("results"))[-1]
    swept.files.write(path, swept.files.read(path)[:-100])
    (tmp_path / "sweep.yaml").write_text(json.dumps(tiny_sweep()))
    ask = {"plan": ("plan", tmp_path / "sweep.yaml", "--store"), "run": ("resume", "--in-process")}
    code, _, stderr = main(*ask.get(command, (command,)), swept.location)
    assert (code, path in stderr) == (3, True)


def test_fault_15_a_sweep_that_cannot_be_read_is_named(swept, main):
    [folder] = swept.sweeps.folders()
    swept.files.write(f"sweeps/{folder}/sweep.json", b"{}")
    for command in ("status", "table"):
        code, _, stderr = main(command, swept.location)
        assert (code, "sweep.json" in stderr) == (3, True)
    code, _, stderr = main("resume", swept.location)
    assert (code, "hint: `prunesweep verify --repair`" in stderr) == (4, True)


def test_fault_13_what_a_damaged_state_held_up_runs_again_once_it_is_repaired(swept, made, main):
    [dense] = [stop for stop in swept.states.checkpoint_sizes() if parent_of_all(swept, stop.trial)][-1:]
    for path in swept.files.sizes("results"):
        if dense.trial not in path:
            swept.files.delete(path)
    for path in swept.files.sizes("checkpoints"):
        swept.files.write(path, b"damaged")
    assert ps.resume(swept.location, options=OPTIONS).outcomes == {"bad_input": 2}
    main("verify", swept.location, "--repair")
    assert ps.resume(swept.location, options=OPTIONS).exit_code == 0
    assert results(swept) == results(Store(made))


def parent_of_all(store, trial):
    return any(row["start_trial"] == trial for row in store.records.read_all().table.to_pylist())
