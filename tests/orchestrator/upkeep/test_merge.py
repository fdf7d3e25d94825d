"""`merge`: what several stores hold comes together in one, whatever order and however often."""

from __future__ import annotations

import itertools
import json

import pytest

import prunesweep as ps
from orchestrator.sweep.spec import spec_from_dict
from orchestrator.upkeep.verify import verify
from tests.support.records import cell, cells_table, dense_cell, make_store, record_of
from tests.support.stores import contents, results
from tests.support.sweeps import grid, tiny_sweep
from workers import crashpoints
from workers.errors import InputError, StoreError
from workers.store import Store, layout
from workers.store.failures import Failure
from workers.store.lease import Lease
from workers.store.shard import Shard
from workers.trial import Stop

DENSE, TUNED, REWOUND = dense_cell(), cell(technique="fine_tuning"), cell(technique="weight_rewinding")
CELLS = [DENSE, TUNED, REWOUND]


@pytest.fixture
def parts(tmp_path):
    """Two stores of one sweep: both trained the dense network, and each one of the others."""
    parts = []
    for name, trained in (("a", TUNED), ("b", REWOUND)):
        store = make_store(tmp_path / name, CELLS, [record_of(DENSE, host=name), record_of(trained)])
        store.states.write_checkpoint(Stop(DENSE["trial"], 100), b"dense")
        store.states.write_checkpoint(Stop(trained["trial"], 100), name.encode())
        store.files.write(f"logs/{DENSE['trial']}/0001.log", f"on {name}".encode())
        store.sweeps.pin_facts("key", {"n": 1})
        parts.append(store)
    return parts


def problems_of(store):
    """What `verify` finds but for the states, which are not real ones here."""
    return [problem for problem in verify(store).problems if not problem.path.startswith("checkpoints/")]


def test_parts_come_together(parts, tmp_path):
    before = [contents(part, "") for part in parts]
    merged = ps.merge([part.location for part in parts], tmp_path / "whole")
    assert (merged.records, merged.duplicates, merged.states, merged.logs, merged.sweeps) == (3, 1, 3, 2, 1)
    assert (merged.conflicts, merged.unreadable) == ([], {})
    whole = Store(tmp_path / "whole")
    assert whole.records.all_keys() == parts[0].records.all_keys() | parts[1].records.all_keys()
    assert whole.sweeps.folders() == ["0001-digits"]
    assert whole.states.read_checkpoint(Stop(REWOUND["trial"], 100)) == b"b"
    logs = contents(whole, f"logs/{DENSE['trial']}")
    assert sorted(logs.values()) == [b"on a", b"on b"]
    assert sorted(path[-8:] for path in logs) == ["0001.log", "0002.log"]
    assert whole.sweeps.facts("key") == {"n": 1}
    assert problems_of(whole) == []
    assert [contents(part, "") for part in parts] == before
    assert ps.status(whole.location).sweeps[0].done == 3


def test_merging_again_changes_nothing(parts, tmp_path):
    ps.merge([part.location for part in parts], tmp_path / "whole")
    before = contents(tmp_path / "whole", "")
    merged = ps.merge([part.location for part in reversed(parts)], tmp_path / "whole")
    assert (merged.records, merged.states, merged.logs, merged.sweeps, merged.duplicates) == (0, 0, 0, 0, 4)
    assert contents(tmp_path / "whole", "") == before


def test_one_store_may_take_over_the_others(parts):
    merged = ps.merge([parts[1].location], parts[0].location)
    assert (merged.records, merged.duplicates, merged.sweeps) == (1, 1, 0)
    assert len(parts[0].records.all_keys()) == 3


def test_sweeps_that_differ_only_in_the_store_of_their_file_are_one(parts, tmp_path):
    def resolved(store):
        return {"name": "digits", "spec": {"name": "digits", "store": store}}

    for part in parts:
        part.sweeps.add("digits", resolved(part.location), cells_table(CELLS))
    ps.merge([part.location for part in parts], tmp_path / "whole")
    whole = Store(tmp_path / "whole")
    assert whole.sweeps.folders() == ["0001-digits", "0002-digits"]
    whole.sweeps.add("digits", resolved("moved"), cells_table(CELLS))
    assert whole.sweeps.folders() == ["0001-digits", "0002-digits"]
    assert whole.sweeps.read("0002-digits") == resolved(parts[0].location)


def test_a_different_result_is_kept_as_a_conflict_and_the_first_one_stays(parts, tmp_path, main):
    other = make_store(tmp_path / "c", [DENSE], [record_of(DENSE, test_score=0.5)])
    code, stdout, _ = main("merge", parts[0].location, other.location, "--into", tmp_path / "whole")
    assert code == 3
    assert "1 record with another result, kept in `conflicts/`: dense_0-00000100-" in stdout
    assert {row["test_score"] for row in results(tmp_path / "whole")} == {0.9}


def test_what_is_damaged_is_named_and_the_rest_is_merged(parts, tmp_path, main):
    path = next(path for path in contents(parts[1]) if path.startswith(f"results/{REWOUND['trial']}"))
    parts[1].files.write(path, b"damaged")
    code, stdout, stderr = main("merge", *(part.location for part in parts), "--into", tmp_path / "whole", "--json")
    assert code == 3
    assert json.loads(stdout)["records"] == 2
    assert path in stderr


def test_a_damaged_sweep_of_the_store_to_write_keeps_no_other_out(parts, tmp_path):
    target = make_store(tmp_path / "target", [DENSE], [record_of(DENSE)], sweep="older")
    [damaged] = target.sweeps.folders()
    target.files.write(layout.sweep_path(damaged), b"damaged")
    merged = ps.merge([parts[0].location], target.location)
    assert (merged.sweeps, merged.unreadable) == (1, {})
    assert len(target.sweeps.folders()) == 2


def test_failures_and_retired_sweeps_come_along(parts, tmp_path):
    parts[0].failures.write(REWOUND["trial"], Failure(outcome="bug", reason="x"))
    ps.retire(parts[0].location, "digits")
    ps.merge([parts[0].location], tmp_path / "whole")
    whole = Store(tmp_path / "whole")
    assert whole.failures.read(REWOUND["trial"]).outcome == "bug"
    assert whole.sweeps.is_retired("0001-digits")
    ps.merge([parts[1].location], whole.location)
    status = ps.status(whole.location, retired=True)
    assert (status.sweeps[0].done, status.sweeps[0].failed) == (3, 0)


@pytest.mark.parametrize("crash", [1, 2, 3, 5, 8, 13, 21, 34])
def test_a_merge_that_was_killed_is_merged_again(parts, tmp_path, crash):
    calls = itertools.count(1)

    def hook(name):
        if not name.startswith("lease.") and next(calls) == crash:
            raise crashpoints.Crash(name)

    crashpoints.watch(hook)
    try:
        ps.merge([part.location for part in parts], tmp_path / "whole")
    except crashpoints.Crash:
        pass
    finally:
        crashpoints.watch(None)
    (tmp_path / "whole" / layout.LEASE).unlink(missing_ok=True)  # its owner, this process, would be gone
    ps.merge([part.location for part in parts], tmp_path / "whole")
    assert problems_of(Store(tmp_path / "whole")) == []
    assert ps.status(tmp_path / "whole").sweeps[0].done == 3
    assert len(contents(tmp_path / "whole", "logs")) == 2


def test_stores_in_use_and_stores_that_cannot_be_are_refused(parts, tmp_path):
    first, second = (part.location for part in parts)
    with Lease(parts[0]), pytest.raises(StoreError, match="is in use by"):
        ps.merge([first], tmp_path / "whole")
    assert not (tmp_path / "whole").exists()
    with Lease(parts[0]), pytest.raises(StoreError, match="is in use by another driver"):
        ps.merge([second], first)
    with Lease(parts[0], shard=Shard(2, 3), division="a"):
        with pytest.raises(StoreError, match="is in use by a driver of shard 2/3"):
            ps.merge([first], tmp_path / "whole")
        with pytest.raises(StoreError, match="is in use by another driver of shard 2/3"):
            ps.merge([second], first)
    with pytest.raises(InputError, match="cannot be merged into itself"):
        ps.merge([first, second], second)
    with pytest.raises(StoreError, match="is not a prunesweep store"):
        ps.merge([tmp_path / "nowhere"], tmp_path / "whole")
    with pytest.raises(InputError, match="needs the stores to read"):
        ps.merge([], tmp_path / "whole")


def test_parts_that_ran_in_separate_stores_give_the_table_of_the_whole(tmp_path):
    techniques = ["fine_tuning", "lr_rewinding"]
    sweep = spec_from_dict(tiny_sweep(grid=grid(technique=techniques, compression=[2, 4], budget="50%")))
    for name, only in (("whole", None), ("a", "technique=fine_tuning"), ("b", "technique=lr_rewinding")):
        ps.run(sweep, tmp_path / name, options=ps.RunOptions(in_process=True, quiet=True), only=only)
    merged = ps.merge([tmp_path / "a", tmp_path / "b"], tmp_path / "merged")
    assert merged.conflicts == []
    key = ("trial", "step", "evaluation")
    rows = [
        sorted(results(tmp_path / name), key=lambda row: [row[part] for part in key]) for name in ("whole", "merged")
    ]
    assert rows[0] == rows[1]
    assert ps.table(ps.frame(tmp_path / "merged")).to_text() == ps.table(ps.frame(tmp_path / "whole")).to_text()
