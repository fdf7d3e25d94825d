from __future__ import annotations

import pandas as pd
import pytest

import prunesweep as ps
from orchestrator.results.frame import join, to_frame
from orchestrator.results.page.failures import causes
from orchestrator.results.page.source import open_source
from tests.support.records import EVALUATION, cell, cells_table, dense_cell, make_store, record, record_of
from workers.errors import InputError
from workers.store.failures import Failure


@pytest.fixture
def dense():
    return dense_cell()


def by_technique(store, **options):
    return {row["technique"]: row for row in join(store, **options).rows.to_pylist()}


def test_each_cell_has_a_row_whether_done_or_not(tmp_path, dense):
    done, missing = cell(), cell(technique="lr_rewinding")
    store = make_store(tmp_path, [dense, done, missing], [record_of(dense), record_of(done)])
    rows = by_technique(store)
    assert {name: row["done"] for name, row in rows.items()} == {
        "dense": True,
        "fine_tuning": True,
        "lr_rewinding": False,
    }
    assert rows["lr_rewinding"]["test_accuracy"] is None
    assert rows["lr_rewinding"]["mixed_parents"] is False
    assert rows["fine_tuning"]["host"] == "host"


def test_differences_are_points_against_the_dense_network_of_the_same_replicate(tmp_path):
    dense = [dense_cell(replicate=0), dense_cell(replicate=1)]
    pruned = [cell(replicate=0), cell(replicate=1)]
    accuracies = [(0.9, 0.8), (0.95, 0.85), (0.89, 0.81), (0.955, 0.80)]
    records = [
        record_of(one, test_score=test, validation_score=validation)
        for one, (test, validation) in zip(dense + pruned, accuracies, strict=True)
    ]
    rows = join(make_store(tmp_path, dense + pruned, records)).rows.to_pylist()
    assert [row["dense_test_accuracy"] for row in rows] == [0.9, 0.95, 0.9, 0.95]
    assert [row["delta_test_accuracy"] for row in rows] == pytest.approx([0, 0, -1.0, 0.5])
    assert [row["delta_validation_accuracy"] for row in rows] == pytest.approx([0, 0, 1.0, -5.0])


def test_without_the_dense_network_there_is_no_difference(tmp_path, dense):
    pruned = cell()
    [_, row] = join(make_store(tmp_path, [dense, pruned], [record_of(pruned)])).rows.to_pylist()
    assert row["done"]
    assert row["delta_test_accuracy"] is None


def test_a_record_under_another_evaluation_is_not_the_cells(tmp_path, dense):
    store = make_store(tmp_path, [dense], [record_of(dense, evaluation="0f0f0f0f")])
    assert not by_technique(store)["dense"]["done"]


def test_the_density_asked_for_stays_apart_from_the_one_measured(tmp_path, dense):
    pruned = cell(compression=3.0)
    store = make_store(tmp_path, [dense, pruned], [record_of(pruned, achieved_density=0.3334)])
    row = by_technique(store)["fine_tuning"]
    assert (row["density"], row["achieved_density"]) == (1 / 3, 0.3334)


def test_failures_are_told_from_what_they_block(tmp_path, dense):
    failed = cell(technique="fine_tuning")
    blocked = cell(technique="lr_rewinding", lineage=[dense["trial"], failed["trial"]])
    reached = cell(technique="weight_rewinding")
    store = make_store(tmp_path, [dense, failed, blocked, reached], [record_of(dense), record_of(reached)])
    for trial in (failed["trial"], reached["trial"]):
        store.failures.write(trial, Failure(outcome="diverged", reason="the loss is NaN"))
    failures = {name: (row["failure"], row["failed_trial"]) for name, row in by_technique(store).items()}
    assert failures == {
        "dense": (None, None),
        "fine_tuning": ("diverged", failed["trial"]),
        "lr_rewinding": ("blocked", failed["trial"]),
        "weight_rewinding": (None, None),  # its trial failed later than this cell
    }
    [line] = causes(open_source(store.location), join(store).rows.to_pylist()).rows
    assert line[:4] == ["diverged", "1", "2", "fine_tuning, lr_rewinding"]
    assert "1 trial failed (1 diverged), holding up 2 cells" in str(ps.status(store.location))


def test_cells_of_the_same_stop_name_each_other(tmp_path, dense):
    shared = {"trial": "shared", "step": 50, "budget": "50%"}
    cells = [
        dense,
        cell(**shared),
        cell(technique="lr_rewinding", **shared),
        cell(technique="lr_rewinding", schedule="iterative", **shared),
        cell(technique="weight_rewinding", trial="shared", step=60),
    ]
    rows = join(make_store(tmp_path, cells, [])).rows
    assert rows.column("same_run_as").to_pylist() == [
        None,
        "lr_rewinding 50%",
        "fine_tuning 50%",
        "fine_tuning 50% (one_shot)",
        None,
    ]


@pytest.mark.parametrize("kind", ["start", "mask"])
def test_a_parent_made_twice_with_other_bits_is_flagged(tmp_path, dense, kind):
    other = cell(technique="lr_rewinding")
    like, unlike = {"start_digest": "aa", "mask_digest": "aa"}, {f"{kind}_digest": "bb"}
    records = [
        record_of(dense, state_digest="aa", start_trial=None, mask_trial=None),
        record_of(cell(), **like),
        record_of(other, **(like | unlike)),
    ]
    rows = by_technique(make_store(tmp_path, [dense, cell(), other], records))
    assert {name: row["mixed_parents"] for name, row in rows.items()} == {
        "dense": False,
        "fine_tuning": False,
        "lr_rewinding": True,
    }


def test_parents_without_a_record_are_not_flagged(tmp_path, dense):
    pruned = record_of(cell(), start_trial="elsewhere", start_digest="bb", mask_digest=None)
    store = make_store(tmp_path, [dense, cell()], [record_of(dense, state_digest="aa"), pruned])
    assert not by_technique(store)["fine_tuning"]["mixed_parents"]


def test_a_cell_in_two_sweeps_appears_once(tmp_path, dense):
    store = make_store(tmp_path, [dense, cell()], [])
    store.sweeps.add("wider", {"name": "wider"}, cells_table([dense, cell(), cell(compression=8.0)]))
    rows = join(store).rows
    assert rows.column("compression").to_pylist() == [1.0, 4.0, 8.0]
    assert rows.column("sweep").to_pylist() == ["0002-wider"] * 3


def test_what_an_edited_recipe_gave_before_keeps_apart(tmp_path):
    before, after = dense_cell(trial="before"), dense_cell(trial="after")
    old = [before, cell(trial="old", dense_trial="before"), cell(trial="alone", dense_trial="before", compression=8.0)]
    store = make_store(tmp_path, old, [record_of(old[0]), record_of(old[1]), record_of(old[2])])
    store.sweeps.add("digits", {"edited": True}, cells_table([after, cell(trial="new", dense_trial="after")]))
    rows = [(row["trial"], row["recipe"]) for row in join(store).rows.to_pylist()]
    assert rows == [
        ("after", "default"),
        ("new", "default"),
        ("before", "default (0001-digits)"),
        ("old", "default (0001-digits)"),
        ("alone", "default (0001-digits)"),
    ]


def test_sweeps_are_chosen_by_folder_or_name(tmp_path, dense):
    store = make_store(tmp_path, [dense], [], sweep="one")
    store.sweeps.add("two", {"name": "two"}, cells_table([dense, cell()]))
    store.sweeps.add("two", {"name": "two", "edited": True}, cells_table([dense, cell(compression=8.0)]))
    assert join(store, ["0001-one"]).rows.num_rows == 1
    assert join(store, ["one"]).rows.num_rows == 1
    assert join(store, ["0002-two"]).rows.num_rows == 2
    assert join(store, ["two"]).rows.num_rows == 3
    with pytest.raises(InputError, match=r"no sweep `three`(?s:.*)hint: it has 0001-one, 0002-two, 0003-two"):
        join(store, ["three"])


def test_a_store_without_sweeps_has_no_rows(tmp_path, dense):
    store = make_store(tmp_path, [dense], [])
    store.files.delete("sweeps/0001-digits/cells.parquet")
    store.files.delete("sweeps/0001-digits/sweep.json")
    (tmp_path / "sweeps" / "0001-digits").rmdir()
    assert join(store).rows.num_rows == 0
    assert len(to_frame(join(store))) == 0


def test_unreadable_records_are_named(tmp_path, dense):
    store = make_store(tmp_path, [dense], [record_of(dense)])
    path = f"results/{dense['trial']}-00000100-{EVALUATION}.parquet"
    store.files.write(path, b"cut off")
    frame = to_frame(join(store))
    assert list(frame.attrs["unreadable"]) == [path]
    assert not frame["done"].any()


def test_the_frame_declares_its_types_with_and_without_records(tmp_path, dense):
    bare = to_frame(join(make_store(tmp_path / "bare", [dense, cell()], [])))
    full = to_frame(join(make_store(tmp_path / "full", [dense, cell()], [record_of(dense), record_of(cell())])))
    assert bare.dtypes.to_dict() == full.dtypes.to_dict()
    assert full["test_examples"].dtype == pd.Int64Dtype()
    assert full["test_accuracy"].dtype == "float64"
    assert full["done"].dtype == bool
    assert str(full["finished_at"].dtype) == "datetime64[us, UTC]"
    assert set(record()) - {"other_scores"} <= set(full.columns)


def test_trials_that_began_with_different_bits_of_one_rewind_point_are_flagged(tmp_path):
    cells = [cell(trial=f"rewound_{number}", technique="weight_rewinding", replicate=number) for number in range(3)]
    digests = {"rewound_0": "a", "rewound_1": "b", "rewound_2": None}
    records = [
        record_of(one, start_trial="dense_0", start_step=7, start_digest=digests[one["trial"]], mask_digest=None)
        for one in cells
    ]
    frame = to_frame(join(make_store(tmp_path / "store", cells, records)))
    assert dict(zip(frame["trial"], frame["mixed_parents"], strict=True)) == {
        "rewound_0": True,
        "rewound_1": True,
        "rewound_2": False,
    }


def test_an_extended_and_then_edited_sweep_has_each_cell_once(tmp_path):
    first, added, edited = cell(trial="a"), cell(trial="b", replicate=1), cell(trial="c")
    store = make_store(tmp_path / "store", [first], [record_of(first), record_of(added), record_of(edited)])
    store.sweeps.add("digits", {"name": "digits", "replicates": 2}, cells_table([first, added]))
    store.sweeps.add("digits", {"name": "digits", "lr": 1}, cells_table([edited]))
    frame = to_frame(join(store))
    assert sorted(zip(frame["trial"], frame["recipe"], strict=True)) == [
        ("a", "default (0002-digits)"),
        ("b", "default (0002-digits)"),
        ("c", "default"),
    ]
