from __future__ import annotations

import pandas as pd
import pytest

from orchestrator.results.export import export
from orchestrator.results.frame import join, to_frame
from tests.support.records import cell, dense_cell, make_store, record_of
from workers.errors import InputError


@pytest.fixture
def store(tmp_path):
    """A dense network, a cell that is done and one that is not: nulls in columns of every type."""
    cells = [dense_cell(), cell(), cell(technique='said "so", twice\nover')]
    return make_store(tmp_path / "store", cells, [record_of(cells[0]), record_of(cells[1])])


def test_a_frame_survives_parquet(tmp_path, store):
    frame = to_frame(join(store))
    path = export(frame, tmp_path / "new" / "cells.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(path), frame)


def test_csv_has_the_same_rows(tmp_path, store):
    frame = to_frame(join(store))
    read = pd.read_csv(export(frame, tmp_path / "cells.csv"))
    assert list(read.columns) == list(frame.columns)
    assert list(read["technique"]) == list(frame["technique"])
    assert list(read["done"]) == [True, True, False]
    assert read["density"].to_list() == frame["density"].to_list()
    assert read["test_accuracy"].isna().to_list() == [False, False, True]


def test_arrow_rows_can_be_exported_too(tmp_path, store):
    export(join(store).rows, tmp_path / "cells.parquet")
    assert len(pd.read_parquet(tmp_path / "cells.parquet")) == 3


def test_an_export_replaces_the_file_and_leaves_nothing_else(tmp_path, store):
    path = tmp_path / "out" / "cells.csv"
    path.parent.mkdir()
    path.write_text("old")
    export(to_frame(join(store)), path)
    assert path.read_text().startswith('"dataset"')
    assert list(path.parent.iterdir()) == [path]


def test_another_suffix_is_refused_before_anything_is_written(tmp_path, store):
    with pytest.raises(InputError, match=r"cells\.xlsx`(?s:.*)must end in \.parquet or \.csv"):
        export(to_frame(join(store)), tmp_path / "out" / "cells.xlsx")
    assert not (tmp_path / "out").exists()
