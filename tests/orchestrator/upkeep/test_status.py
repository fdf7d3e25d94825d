"""What `status` says of failed trials, to people and as JSON."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest

from orchestrator.upkeep.status import read_status
from tests.support.closed import close_file
from tests.support.records import cell, dense_cell, make_store, record_of
from workers.store import layout
from workers.store.failures import Failure
from workers.store.filesystems.local import LocalFiles
from workers.store.lease import Lease
from workers.store.lease_owner import Owner, read_owner
from workers.store.logs import PROGRESS, AttemptLog
from workers.store.shard import Shard

FAILURE = Failure(
    outcome="timeout",
    reason="not finished after 10,800 s\nsecond line",
    hint="raise the limit",
    step=1234,
    host="node1",
    at="2026-01-02T03:04:05+00:00",
    attempts={"timeout": 2},
    log="logs/t/0002.log",
)


def test_a_failed_trial_is_named_with_the_cells_that_it_holds_up(tmp_path):
    dense = dense_cell()
    failed = cell(technique="fine_tuning")
    blocked = cell(technique="lr_rewinding", lineage=[dense["trial"], failed["trial"]])
    store = make_store(tmp_path / "store", [dense, failed, blocked], [record_of(dense)])
    store.failures.write(failed["trial"], FAILURE)
    status = read_status(store)
    [sweep] = json.loads(json.dumps(status.to_json()))["sweeps"]
    assert (sweep["done"], sweep["failed"], sweep["blocked"]) == (1, 1, 1)
    described = sweep["failures"][failed["trial"]]
    assert described.pop("cell").startswith("fine_tuning 4×")
    assert described == FAILURE.to_json() | {"cells_held_up": 2, "places": ["resnet8 · default"]}
    assert set(described) == {
        *("outcome", "reason", "hint", "step", "host", "at", "traceback", "attempts", "log", "cells_held_up", "places")
    }
    assert str(status).splitlines()[2:] == [
        "0001-digits: 1 of 3 cells done",
        "  1 trial failed (1 timeout), holding up 2 cells",
        "  ✘ timeout at step 1,234 (2 times timeout): not finished after 10,800 s",
        "    1 trial, 2 cells of resnet8 · default",
        f"    prunesweep logs {store.location} {failed['trial']}",
        "  hint: `prunesweep resume --retry-failed` runs them again",
    ]


def test_a_long_reason_is_cut_with_the_command_that_prints_it(tmp_path):
    failed = cell()
    store = make_store(tmp_path / "store", [dense_cell(), failed], [])
    store.failures.write(failed["trial"], Failure(outcome="bug", reason="x" * 10_000))
    [cause, _, command, _] = str(read_status(store)).splitlines()[-4:]
    assert cause == f"  ✘ bug: {'x' * 240}… (10,000 characters)"
    assert command == f"    prunesweep show {store.location} {failed['trial']}"


def test_failures_are_grouped_by_cause(tmp_path):
    """As in use: many cells, four causes; numbers in a reason do not make another cause."""
    reasons = {
        "diverged": "the loss at step {n} is not finite (last finite loss 1.{n}): nan",
        "out_of_memory": "tried to allocate {n} bytes",
        "io": "cannot read `/data/images`",
        "bug": "ValueError: wrong",
    }
    cells = [
        cell(network=network, recipe=recipe, replicate=replicate, trial=f"{outcome}-{network}-{recipe}-{replicate}")
        for outcome in reasons
        for network in ("resnet8", "mlp")
        for recipe in ("one", "two")
        for replicate in range(5 if outcome == "bug" else 6)
    ]
    store = make_store(tmp_path / "store", cells, [])
    for number, row in enumerate(cells):
        outcome = row["trial"].partition("-")[0]
        reason = reasons[outcome].format(n=number + 1)
        log = f"logs/{row['trial']}/0001.log"
        store.failures.write(row["trial"], Failure(outcome=outcome, reason=reason, step=number + 1, log=log))
    lines = str(read_status(store)).splitlines()[2:]
    assert lines[:2] == [
        "0001-digits: 0 of 92 cells done",
        "  92 trials failed (20 bug, 24 diverged, 24 io, 24 out_of_memory), holding up 92 cells",
    ]
    assert [line for line in lines if "✘" in line] == [
        "  ✘ diverged at steps 1 to 24: the loss at step 1 is not finite (last finite loss 1.1): nan",
        "  ✘ out_of_memory at steps 25 to 48: tried to allocate 25 bytes",
        "  ✘ io at steps 49 to 72: cannot read `/data/images`",
        "  ✘ bug at steps 73 to 92: ValueError: wrong",
    ]
    assert (
        "    24 trials, 24 cells of resnet8 · one, resnet8 · two and 2 other combinations of network and recipe"
        in lines
    )
    assert len(lines) == 2 + 4 * 3 + 1


def test_while_a_driver_is_at_work_its_trials_are_shown_and_nothing_is_advised(tmp_path):
    dense, waiting = dense_cell(), cell()
    store = make_store(tmp_path / "store", [dense, waiting], [])
    AttemptLog(store.files, waiting["trial"]).end("interrupted", 5)
    with Lease(store, period=600):  # what the test writes is not renewed meanwhile
        owner = replace(read_owner(store.files), says="36/135 cells done · about 4 min left\x1b[2J")
        store.files.write(layout.LEASE, owner.to_bytes())
        log = AttemptLog(store.files, dense["trial"])
        with log.recording():
            line = "step 7 of 100, epoch 0.7 of 10, loss 0.5, about 12 min left"
            logging.getLogger("workers.training.progress_log").info(line, extra={PROGRESS: True})
            log.flush()
            status = read_status(store)
    assert status.running == {"dense_0": ("resnet8 · default · dense, replicate 0", line)}
    assert json.loads(json.dumps(status.to_json()))["running"]["dense_0"]["progress"] == line
    text = str(status)
    assert "In use by process" in text
    assert "\n  36/135 cells done · about 4 min left\\x1b[2J\n1 trial running\n" in text
    assert json.loads(json.dumps(status.to_json()))["driver"]["says"] == owner.says
    assert f"1 trial running\n  dense_0  resnet8 · default · dense, replicate 0: {line}\n" in text
    assert "resume" not in text
    assert read_status(store).running == {}
    assert "`prunesweep resume` runs what is missing" in str(read_status(store))


def test_a_disk_that_is_full_is_named_since_a_driver_cannot_write_there_that_it_pauses(tmp_path, monkeypatch):
    store = make_store(tmp_path / "store", [dense_cell()], [])
    monkeypatch.setattr(LocalFiles, "free_bytes", lambda self: 63_000_000)
    status = read_status(store)
    assert str(status).splitlines()[1] == "Low disk space: 63 MB are free, and no trial starts with less than 64 MB"
    assert json.loads(json.dumps(status.to_json()))["free_bytes"] == 63_000_000
    for enough in (64_000_000, None):
        monkeypatch.setattr(LocalFiles, "free_bytes", lambda self, free=enough: free)
        assert "Low disk space" not in str(read_status(store))


def test_the_driver_of_each_shard_is_shown(tmp_path):
    store = make_store(tmp_path / "store", [dense_cell()], [])
    first, second = (Lease(store, period=600, shard=Shard(number, 2), division="a") for number in (1, 2))
    with first, second:
        owner = replace(read_owner(store.files, second.path), says="1 of 2 cells done")
        store.files.write(second.path, owner.to_bytes())
        status = read_status(store)
    assert [driver["shard"] for driver in json.loads(json.dumps(status.to_json()))["drivers"]] == ["1/2", "2/2"]
    lines = str(status).splitlines()
    assert lines[1].startswith("Shard 1/2 in use by process")
    assert lines[2].startswith("Shard 2/2 in use by process")
    assert lines[3:5] == ["  1 of 2 cells done", "0 trials running"]


def test_a_shard_that_has_died_is_named_and_runs_nothing(tmp_path):
    dense, waiting = dense_cell(), cell()
    store = make_store(tmp_path / "store", [dense, waiting], [])
    dead = replace(Owner.this_process("a"), pid=2**22 + 1, begun="2000-01-01")  # above all process ids
    for trial, shard in ((dense["trial"], Shard(1, 2)), (waiting["trial"], Shard(2, 2))):
        AttemptLog(store.files, trial, shard=shard).flush(force=True)
    store.files.write(layout.lease_path(Shard(2, 2)), dead.to_bytes())
    assert read_status(store).drivers == []
    assert "has died" not in str(read_status(store))  # a run without `--shard` is advised
    with Lease(store, period=600, shard=Shard(1, 2), division="a") as lease:
        owner = replace(read_owner(store.files, lease.path), begun="2000-01-01")
        store.files.write(lease.path, owner.to_bytes())
        status = read_status(store)
    assert [driver["shard"] for driver in status.drivers] == ["1/2"]
    assert list(status.running) == [dense["trial"]]
    assert json.loads(json.dumps(status.to_json()))["dead_shards"] == ["2/2"]
    advice = f"Shard 2/2 has died: `prunesweep resume {store.location} --shard 2/2` continues it"
    assert str(status).splitlines()[2:4] == [advice, "1 trial running"]


@pytest.mark.parametrize("path", ["results", layout.LEASE])
def test_a_file_that_cannot_be_read_may_be_sound_and_is_not_called_damaged(tmp_path, monkeypatch, path):
    dense = dense_cell()
    store = make_store(tmp_path / "store", [dense], [record_of(dense)])
    store.files.write(layout.LEASE, Owner.this_process().to_bytes())
    [closed] = store.files.sizes(path) or [path]
    close_file(monkeypatch, closed)
    reason = f"{closed}: [Errno 13] Permission denied: '{closed}'; let this user read it, or try again after an outage"
    assert read_status(store).unreadable == {closed: reason}
