"""The page on pruning: its sweep files work when pasted, with the functions that they name."""

from __future__ import annotations

import re
import sys

import pytest

import prunesweep as ps
from orchestrator.sweep.spec import parse_spec
from tests.support.places import ROOT

PAGE = (ROOT / "docs" / "pruning.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def forgotten(monkeypatch):
    """What is imported from a test's folder in this process is forgotten."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("my_pruning", None)


def test_the_sweep_file_on_the_page_is_one():
    plain, filters, total = parse_spec(blocks("yaml")[0]).grids
    assert [pruning.label for pruning in plain.prunings] == [
        "magnitude",
        "magnitude(distribution=erk)",
        "shuffled",
        "random",
    ]
    assert (filters.levels, filters.prunings[0].layers) == ((1, 2, 3, 4, 5), "resnet56_b")
    assert total.iterative.budget_is == "total"


@pytest.mark.usefixtures("forgotten")
def test_functions_of_ones_own_work_when_pasted(prunesweep, tmp_path):
    (tmp_path / "my_pruning.py").write_text(blocks("python")[0])
    (tmp_path / "my-pruning.yaml").write_text(blocks("yaml")[1])
    prunesweep.here("run", "my-pruning.yaml", "--in-process")
    assert "7 of 7 cells done" in prunesweep.stderr
    frame = ps.frame(tmp_path / "runs" / "my-pruning")
    assert list(dict.fromkeys(frame.pruning)) == [
        "none",
        "magnitude",
        "my_pruning:snip(batches=4)",
        "my_pruning:snip(distribution=my_pruning:equal_share)",
    ]
    pruned = frame[frame.technique != "dense"]
    kept = (pruned.achieved_density * pruned.prunable_weights).round().astype(int)
    assert set(kept[pruned.compression == 4]) == {19_528 // 4}
