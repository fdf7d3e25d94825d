"""What `status` says of failed trials, to people and as JSON."""

from __future__ import annotations

import json

from orchestrator.upkeep.status import read_status
from tests.support.records import cell, dense_cell, make_store, record_of
from workers.store.failures import Failure

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
    assert described == FAILURE.to_json() | {"cells_held_up": 2}
    assert set(described) == {
        *("outcome", "reason", "hint", "step", "host", "at", "traceback", "attempts", "log", "cells_held_up")
    }
    line = f"✘ {failed['trial']}  timeout at step 1,234 (2 times timeout): not finished after 10,800 s\n"
    assert line in str(status)
    assert f"prunesweep logs {store.location} {failed['trial']}" in str(status)
