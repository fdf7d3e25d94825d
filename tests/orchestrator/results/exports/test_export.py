from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import prunesweep as ps
from orchestrator.planning.select import bare_id
from orchestrator.results.exports.export import export
from orchestrator.results.frame import join, to_frame
from orchestrator.results.printing.formulas import without_formula
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


def test_texts_in_csv_are_not_formulas_to_a_spreadsheet(tmp_path):
    texts = ["=A1", "@sum(1)", "+cmd|x", "-2+3", " =A1", "-0.5", "+1e5", "a=1", "–", None]
    shown = ["'=A1", "'@sum(1)", "'+cmd|x", "'-2+3", "' =A1", "-0.5", "+1e5", "a=1", "–", None]
    assert [without_formula(text) for text in texts] == shown
    path = export(pa.table({"recipe": texts, "delta": [-1.0] * 10}), tmp_path / "cells.csv")
    read = pd.read_csv(path, dtype={"recipe": str}, keep_default_na=False)
    assert [text or None for text in read["recipe"]] == shown
    assert set(read["delta"]) == {-1.0}


def test_csv_has_one_header_whatever_the_chunks(tmp_path):
    rows = pa.table({"density": [0.5, 0.25]})
    path = export(pa.concat_tables([rows.slice(0, 0), rows]), tmp_path / "cells.csv")
    assert path.read_text() == '"density"\n0.5\n0.25\n'


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
    with pytest.raises(InputError, match=r"cells\.feather`(?s:.*)must end in \.parquet, \.csv, \.xlsx"):
        export(to_frame(join(store)), tmp_path / "out" / "cells.feather")
    assert not (tmp_path / "out").exists()


IDS = ["80893384992582038e45", "12345678901234567890", "0012e4", "1e5", "abc", None, "renda2020:7"]


@pytest.mark.parametrize(
    ("column", "letter"),
    [
        ("trial", "t"),
        ("dense_trial", "t"),
        ("start_trial", "t"),
        ("evaluation", "e"),
        ("state_digest", "d"),
        ("commit", "g"),
    ],
)
def test_ids_in_csv_are_text_to_every_reader(tmp_path, column, letter):
    table = pa.table({column: pa.array(IDS, pa.string()), "step": range(len(IDS))})
    read = pd.read_csv(export(table, tmp_path / "ids.csv"))[column]
    assert list(read.fillna("missing")) == [f"{letter}{text}" for text in IDS[:5]] + ["missing", "renda2020:7"]


def test_ids_in_parquet_are_those_of_the_store(tmp_path):
    table = pa.table({"trial": pa.array(IDS, pa.string())})
    assert pq.read_table(export(table, tmp_path / "ids.parquet")).column("trial").to_pylist() == IDS


def test_only_an_id_loses_its_letter():
    assert [bare_id(text) for text in ("t80e45", "80e45", "trial", "t", "tt1")] == [
        "80e45",
        "80e45",
        "trial",
        "t",
        "tt1",
    ]


def test_layers_and_curves_are_of_a_store(tmp_path, store):
    with pytest.raises(InputError, match=r"`layers` must be read from a store: DataFrame"):
        ps.export(to_frame(join(store)), tmp_path / "layers.csv", contents="layers")
    with pytest.raises(InputError, match=r"`curves` must be read from a store: renda2020"):
        ps.export("renda2020", tmp_path / "curves.csv", contents="curves")
    with pytest.raises(InputError, match="unknown contents: `layer`\n\nhint: did you mean `layers`"):
        ps.export(store, tmp_path / "layers.csv", contents="layer")
    columns = ["trial", "step", "evaluation", "layer", "weights", "kept", "density", "multiply_adds"]
    assert pq.read_schema(ps.export(store, tmp_path / "layers.parquet", contents="layers")).names == columns
    assert ps.export(store, tmp_path / "layers.xlsx", contents="layers").read_bytes().startswith(b"PK")


def test_details_that_cannot_be_read_are_named(main, tmp_path, store):
    store.records.consolidate()
    path, size = min(store.files.sizes("results").items())
    store.files.write(path, b"x" * size)
    code, stdout, stderr = main("export", store.location, "--to", tmp_path / "out")
    assert (code, f"warning: skipped {path}: " in stderr) == (3, True)
    assert str(tmp_path / "out" / "curves.csv") in stdout


@pytest.mark.parametrize("place", ["/proc/x", __file__])
def test_a_folder_that_cannot_be_written_to_is_named(main, store, place):
    code, stdout, stderr = main("export", store.location, "--to", place)
    assert (code, stdout) == (2, "")
    assert f"cannot write to folder `{place}`: " in stderr
    assert "hint: choose another folder with `--to`" in stderr
