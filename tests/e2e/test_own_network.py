"""docs/own-network.md and docs/own-data.md work as they are pasted, and so does the short form in the README."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from pathlib import Path

import pytest
from safetensors.torch import save_file

import prunesweep as ps
from tests.support.places import ROOT
from workers.registry import load_own

PAGE = (ROOT / "docs" / "own-network.md").read_text("utf-8")
DATA_PAGE = (ROOT / "docs" / "own-data.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8").partition("## Your own network\n")[2]


@pytest.fixture(autouse=True)
def modules_of_each_test(monkeypatch):
    """What a test imports from its folder in this process is forgotten."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in ("shapes", "my_network"):
        sys.modules.pop(name, None)


@pytest.fixture
def pasted(tmp_path: Path) -> Path:
    paste(PAGE, tmp_path / "shapes.py", tmp_path / "shapes.yaml")
    return tmp_path


@pytest.fixture
def shortened(pasted: Path) -> Path:
    """The sweep file of the page, with a training of two epochs."""
    sweep = pasted / "shapes.yaml"
    sweep.write_text(sweep.read_text().replace("10ep", "2ep").replace("7ep", "1ep"))
    return sweep


def paste(page: str, code: Path, sweep: Path) -> None:
    """The first Python block and the first sweep file of a page, as files."""
    for language, path in {"python": code, "yaml": sweep}.items():
        path.write_text(re.search(rf"```{language}\n(.*?)```", page, re.DOTALL)[1])


def test_the_short_form_in_the_readme_works_when_pasted(prunesweep, tmp_path):
    paste(README, tmp_path / "my_network.py", tmp_path / "my-network.yaml")
    prunesweep.here("run", "my-network.yaml", "--in-process")
    assert "5 of 5 cells done" in prunesweep.stderr
    frame = ps.frame(tmp_path / "runs" / "mine").set_index("technique")
    assert frame.test_accuracy["dense"] > 0.9
    assert frame.test_accuracy["lr_rewinding"].max() > 0.9


def test_the_page_works_when_pasted(prunesweep, pasted):
    (listed,) = json.loads(prunesweep.here("plan", "shapes.yaml", "--layers", "--json"))
    assert [(layer["name"], layer["shape"], layer["weights"]) for layer in listed["layers"]] == [
        ("patches.weight", [16, 1, 3, 3], 144),
        ("attention.in_proj_weight", [48, 16], 768),
        ("attention.out_proj.weight", [16, 16], 256),
    ]
    assert listed["layers"][0]["multiply_adds"] == 16 * 144
    prunesweep.here("run", "shapes.yaml", "--in-process")
    assert "5 of 5 cells done" in prunesweep.stderr
    assert "lr_rewinding" in prunesweep.here("table", "runs/shapes", "--value", "accuracy")
    frame = ps.frame(pasted / "runs" / "shapes").set_index("technique")
    assert frame.test_accuracy["dense"] > 0.9
    assert frame.test_accuracy["lr_rewinding"].min() > 0.9


def section(page: str, heading: str) -> str:
    return re.search(rf"^##+ {heading}\n(.*?)(?=^## |^### |\Z)", page, re.DOTALL | re.MULTILINE)[1]


@pytest.mark.parametrize(
    ("page", "heading", "name", "metric", "worst"),
    [
        (PAGE, "Numbers: a regression", "progression", "rmse", 70),
        (PAGE, "Text: a character language model", "letters", "perplexity", 25),
        (PAGE, "A network with two inputs", "larger", "accuracy", 0.75),
        (DATA_PAGE, "Tensors in memory", "points", "accuracy", 0.8),
        (DATA_PAGE, "A torch data set", "moved_digits", "accuracy", 0.7),
        (DATA_PAGE, "Rows of a table", "rows", "rmse", 75),
    ],
)
def test_the_other_examples_work_when_pasted(prunesweep, tmp_path, page, heading, name, metric, worst):
    example, sweep = section(page, heading), tmp_path / "sweep.yaml"
    paste(example, tmp_path / f"{name}.py", sweep)
    if name == "rows":
        with contextlib.chdir(tmp_path):
            exec((tmp_path / "rows.py").read_text(), {})
    store = re.search(r"^store: (.*)$", sweep.read_text(), re.MULTILINE)[1]
    prunesweep.here("run", "sweep.yaml", "--in-process", "--only", "technique=lr_rewinding,compression<=4")
    assert "2 of 2 cells done" in prunesweep.stderr
    frame = ps.frame(tmp_path / store)
    frame = frame[frame.done]
    assert set(frame.metric) == {metric}
    assert ((frame.test_score < worst) if metric in ("rmse", "perplexity") else (frame.test_score > worst)).all(), (
        frame.test_score
    )
    assert "lr_rewinding" in prunesweep.here("table", store)
    prunesweep.here("export-model", store, f"{frame.trial.iloc[-1]}@{frame.step.iloc[-1]}", "--to", "model")
    (card,) = (tmp_path / "model").glob("*.json")
    columns = {"columns"} if name == "rows" else set()
    assert json.loads(card.read_text())["input"].keys() == {"inputs", "targets", "offers"} | columns


def test_mistakes_in_ones_own_code_are_found_before_anything_starts(prunesweep, pasted):
    code = pasted / "shapes.py"
    text = code.read_text()
    for wrong, message in {
        text.replace("self.classifier((", "(("): "network `shapes:Attentive` must map a batch of shape (2, 1, 12, 12)",
        text.replace("def focal", "def vocal"): "`recipe`: cannot use `shapes:focal`: `focal` not found",
    }.items():
        code.write_text(wrong)
        prunesweep.here("run", "shapes.yaml", code=2)
        assert message in prunesweep.stderr
    assert not (pasted / "runs").exists()


def test_a_dense_network_from_a_file(prunesweep, pasted, shortened):
    with contextlib.chdir(pasted):
        network = load_own("shapes:Attentive")((1, 12, 12), 4)
    save_file(network.state_dict(), pasted / "dense-0.safetensors")
    shortened.write_text(shortened.read_text() + 'dense: {from: "dense-{replicate}.safetensors"}\n')
    prunesweep.here("run", "shapes.yaml", "--in-process")
    assert "5 of 5 cells done" in prunesweep.stderr
    (pasted / "dense-0.safetensors").unlink()
    prunesweep.here("run", "shapes.yaml", "--in-process", "--store", "again", code=2)
    assert "cannot read `dense-0.safetensors`" in prunesweep.stderr


def test_new_code_is_described_and_trained_again(prunesweep, shortened):
    prunesweep.here("run", "shapes.yaml", "--in-process", "--only", "technique=dense")
    shortened.write_text(shortened.read_text().replace('code_version: "1"', 'code_version: "2"'))
    prunesweep.here("run", "shapes.yaml", "--in-process", code=2)
    assert "the code version has changed since sweep" in prunesweep.stderr
