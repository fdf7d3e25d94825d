"""The columns of results that hold scores, for one metric and for several."""

from __future__ import annotations

import pandas as pd
import pytest

import prunesweep as ps
from orchestrator.results.frame import join
from orchestrator.results.load import as_arrow
from tests.support.records import cell, cells_table, dense_cell, make_store, record_of

RMSE = {"metric": "rmse", "metric_unit": "mg/dl", "higher_is_better": False}


def other(metric, unit, test):
    return {
        "metric": metric,
        "metric_unit": unit,
        "higher_is_better": True,
        "validation_score": test,
        "test_score": test,
    }


def test_each_metric_has_columns_by_its_name(tmp_path):
    cells = [dense_cell(), cell()]
    records = [
        record_of(cells[0], **RMSE, test_score=50.0, other_scores=[other("f1", "percent", 0.75)]),
        record_of(cells[1], **RMSE, test_score=53.0, other_scores=[other("f1", "percent", 0.5)]),
    ]
    rows = join(make_store(tmp_path, cells, records)).rows
    assert "test_accuracy" not in rows.column_names
    [row] = [row for row in rows.to_pylist() if row["technique"] == "fine_tuning"]
    assert (row["metric"], row["metric_unit"], row["higher_is_better"]) == ("rmse", "mg/dl", False)
    assert (row["test_score"], row["dense_test_score"], row["delta_test_score"]) == (53.0, 50.0, 3.0)
    assert (row["test_rmse"], row["dense_test_rmse"], row["delta_test_rmse"]) == (53.0, 50.0, 3.0)
    assert (row["test_f1"], row["dense_validation_f1"], row["delta_test_f1"]) == (0.5, 0.75, -25.0)


def test_metrics_of_sweeps_in_one_store(tmp_path):
    cells = [dense_cell(), dense_cell(replicate=1, evaluation="b" * 8)]
    rows = join(make_store(tmp_path, cells, [record_of(cells[0]), record_of(cells[1], **RMSE, test_score=50.0)])).rows
    assert rows.column("metric").to_pylist() == ["accuracy", "rmse"]
    assert rows.column("test_accuracy").to_pylist() == [0.9, None]
    assert rows.column("test_rmse").to_pylist() == [None, 50.0]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ([{"name": "rmse", "unit": "ms"}], ("rmse", "ms", False)),
        ([{"name": "mine:Worst", "label": "worst", "higher_is_better": False}], ("worst", "", False)),
        ([{"name": "torchmetrics.regression.R2Score"}, {"name": "rmse"}], ("R2Score", "", True)),
        (None, ("accuracy", "percent", True)),
    ],
)
def test_without_records_the_sweep_file_says_what_the_metric_is(tmp_path, metric, expected):
    store = make_store(tmp_path, [], [])
    store.sweeps.add("digits", {"spec": {"metric": metric}}, cells_table([cell()]))
    [row] = join(store).rows.to_pylist()
    assert (row["metric"], row["metric_unit"], row["higher_is_better"]) == expected


def test_rows_that_an_earlier_version_exported(tmp_path):
    store = make_store(tmp_path, [dense_cell(), cell()], [record_of(dense_cell()), record_of(cell())])
    now = ps.frame(tmp_path)
    scores = [name for name in now.columns if name.endswith("_score")]
    before = now.drop(columns=[*scores, "metric", "metric_unit", "higher_is_better"])
    assert str(ps.table(before)) == str(ps.table(store))
    assert isinstance(before, pd.DataFrame)
    assert "test_score" in as_arrow(before).column_names
