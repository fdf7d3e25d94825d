"""The card of an exported network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import prunesweep as ps
from tests.support.parquet import encode, write_pair

SWEEP = """
version: 1
name: animals
dataset: {name: image_parquet, path: FOLDER}
network: mlp
store: store
recipe: {duration: 1it, batch_size: 2, optimizer: {name: SGD, lr: 0.05}, schedule: {name: constant}}
grid: {technique: lr_rewinding, compression: 4, budget: 100%}
"""

IMAGES = [encode(np.arange(number, number + 16).reshape(4, 4)) for number in range(3)]


@pytest.mark.parametrize(("labels", "named"), [(["cat", "ant", "bee"], True), ([2, 0, 1], False)])
def test_a_card_has_the_names_of_classes(
    labels: list, named: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_pair(tmp_path, IMAGES * 4, label=labels * 4)
    Path("animals.yaml").write_text(SWEEP.replace("FOLDER", folder))
    ps.run(ps.load("animals.yaml"), options=ps.RunOptions(in_process=True, quiet=True))
    model = ps.export_model("store", "technique=lr_rewinding")
    names = {"class_names": ["ant", "bee", "cat"]} if named else {}  # class 0 is `ant`
    expected = {"shape": [1, 4, 4], "classes": 3, **names, "normalization": "per_image"}
    assert json.loads(Path(model.card_file).read_text())["input"] == expected
    ps.report("store", "page.html")
    assert (": ant, bee, cat.</p>" in Path("page.html").read_text()) == named


def test_a_card_says_how_inputs_are_made_of_the_columns_of_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pets.csv").write_text("size,kind,weight\n" + "".join(f"{row},{'ab'[row % 2]},{row}.5\n" for row in range(9)))
    dataset = "{name: table, path: pets.csv, target: weight, test_path: pets.csv}"
    sweep = SWEEP.replace("{name: image_parquet, path: FOLDER}", dataset).replace("lr: 0.05}", "lr: 0.05}, loss: mse")
    Path("pets.yaml").write_text(sweep.replace("recipe:", "metric: rmse\nrecipe:"))
    ps.run(ps.load("pets.yaml"), options=ps.RunOptions(in_process=True, quiet=True))
    model = ps.export_model("store", "technique=lr_rewinding")
    size, kind = json.loads(Path(model.card_file).read_text())["input"]["columns"]
    assert size == {"name": "size", "mean": 4, "deviation": pytest.approx(60**0.5 / 3), "marks_missing": False}
    assert kind == {"name": "kind", "categories": ["a", "b"]}
