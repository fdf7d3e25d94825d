"""`export-model` on the networks of a search: the files, and errors."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import prunesweep as ps
from tests.support.searches import loaded
from workers.errors import InputError
from workers.models.build import prunable


def export(folder, cell):
    return ps.export_model(folder / "store", cell, folder / "models")


@pytest.mark.parametrize("by", ["expression", "trial", "stop"])
def test_export_model_writes_any_cell(undisturbed, by, tmp_path):
    folder, _ = undisturbed
    row = ps.frame(folder / "store").iloc[1]
    cell = {
        "expression": "technique=lr_rewinding,compression=2.5,budget=100%,replicate=0",
        "trial": row.trial[:10],
        "stop": f"{row.trial}@{row.step}",
    }[by]
    model = ps.export_model(folder / "store", cell, tmp_path)
    assert (model.card["trial"], model.card["round"], "search" in model.card) == (row.trial, 1, False)
    network, _ = loaded(model)
    assert sum(int((weight != 0).sum()) for weight in prunable(network).values()) <= row.kept_weights
    assert Path(model.model).name == f"lr_rewinding-2.5x-{row.trial[:8]}-{row.step}.safetensors"


def test_export_model_without_a_cell_asks_for_one(main, undisturbed):
    for store in (undisturbed[0] / "store", "s3://bucket/store"):
        for words in ([store], [store, ""]):
            code, stdout, stderr = main("export-model", *words)
            assert (code, stdout) == (2, "")
            assert f"error: no cell given for store: {store}" in stderr
            assert f"hint: name one: `prunesweep export-model {store} technique=" in stderr


def test_export_model_names_what_tells_cells_apart(main, undisturbed):
    folder, found = undisturbed
    code, stdout, stderr = main("export-model", folder / "store", "technique=lr_rewinding")
    assert (code, stdout) == (2, "")
    assert f"must pick one cell, but picks {len(found.rounds) - 1}; they differ in `compression` (2.5, " in stderr
    assert "hint: name one of each, for example `compression=2.5`, or `" in stderr


def test_export_model_refuses_what_is_not_there(folder, undisturbed):
    shutil.copytree(undisturbed[0] / "store", folder / "store", dirs_exist_ok=True)
    for cell, message in {
        "technique=fine_tuning": "no cell matches `technique=fine_tuning`",
        "technik=dense": "unknown column: `technik`",
        "0123abcd": "has no cell `0123abcd`",
        "": "must pick one cell, but picks",
    }.items():
        with pytest.raises(InputError, match=message):
            export(folder, cell)
    for path in (folder / "store" / "checkpoints").glob("*/*"):
        path.unlink()
    with pytest.raises(InputError, match=r"it was deleted .*\n\nhint: run the sweep with `keep: all`"):
        export(folder, "technique=dense")
    for path in (folder / "store" / "results").iterdir():
        path.unlink()
    (folder / "store" / "cache" / "records.parquet").unlink()
    with pytest.raises(InputError, match="has no result: it has not finished training"):
        export(folder, "technique=dense")
    assert not (folder / "models").exists() or not list((folder / "models").iterdir())
