"""docs/own-network.md works as it is pasted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "own-network.md"


@pytest.fixture
def pasted(tmp_path: Path) -> Path:
    code, sweep = (
        re.search(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL) for language in ("python", "yaml")
    )
    (tmp_path / "shapes.py").write_text(code[1])
    (tmp_path / "shapes.yaml").write_text(sweep[1])
    return tmp_path


def test_the_page_works_when_pasted(prunesweep, pasted):
    (listed,) = json.loads(prunesweep("plan", "shapes.yaml", "--layers", "--json"))
    assert [(layer["name"], layer["shape"], layer["weights"]) for layer in listed["layers"]] == [
        ("patches.weight", [16, 1, 3, 3], 144),
        ("attention.in_proj_weight", [48, 16], 768),
        ("attention.out_proj.weight", [16, 16], 256),
    ]
    assert listed["layers"][0]["multiply_adds"] == 16 * 144
    prunesweep("run", "shapes.yaml", "--cpus", 2)
    assert "5 of 5 cells done" in prunesweep.stderr
    assert "lr_rewinding" in prunesweep("table", "runs/shapes", "--value", "accuracy")


def test_mistakes_in_ones_own_code_are_found_before_anything_starts(prunesweep, pasted):
    code = pasted / "shapes.py"
    code.write_text(code.read_text().replace("self.classifier((", "((").replace("def focal", "def vocal"))
    prunesweep("run", "shapes.yaml", code=2)
    assert "network `shapes:Attentive` maps a batch of shape (2, 1, 12, 12)" in prunesweep.stderr
    assert not (pasted / "runs").exists()


def test_a_dense_network_from_a_file(prunesweep, pasted):
    make = (
        "import torch, shapes; from safetensors.torch import save_file; "
        "save_file(shapes.Attentive((1, 12, 12), 4).state_dict(), 'dense-0.safetensors')"
    )
    subprocess.run([sys.executable, "-c", make], cwd=pasted, check=True)
    sweep = pasted / "shapes.yaml"
    sweep.write_text(sweep.read_text() + 'dense: {from: "dense-{replicate}.safetensors"}\n')
    prunesweep("run", "shapes.yaml", "--in-process")
    assert "5 of 5 cells done" in prunesweep.stderr
    (pasted / "dense-0.safetensors").unlink()
    prunesweep("run", "shapes.yaml", "--in-process", "--store", "again", code=2)
    assert "cannot read `dense-0.safetensors`" in prunesweep.stderr


def test_new_code_is_described_and_trained_anew(prunesweep, pasted):
    prunesweep("run", "shapes.yaml", "--in-process", "--only", "technique=dense")
    sweep = pasted / "shapes.yaml"
    sweep.write_text(sweep.read_text().replace('code_version: "1"', 'code_version: "2"'))
    prunesweep("run", "shapes.yaml", "--in-process", code=2)
    assert "the code version is not what sweep" in prunesweep.stderr
