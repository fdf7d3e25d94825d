"""The diffs in CONTRIBUTING.md apply to this tree, and what they add works."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support.command import Command

ROOT = Path(__file__).parents[1]
DIFFS = re.findall(r"^```diff\n(.*?)^```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.DOTALL | re.M)
PACKAGES = ("prunesweep", "orchestrator", "workers")
SWEEP = """\
version: 1
name: added
store: added
dataset: stripes
network: linear
recipe:
  duration: 4ep
  batch_size: 25
  optimizer: {name: SGD, lr: 0.1}
  schedule: {name: piecewise, boundaries: [3ep], factor: 0.1}
pruning: {score: smallest, distribution: equal_counts}
metric: [accuracy, confidence]
grid: {technique: highest_lr_retraining, compression: 2, budget: 50%}
"""


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """A copy of the packages with all diffs applied, and with the bytecode of what they leave as it is."""
    folder = tmp_path_factory.mktemp("changed")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package)
    for diff in DIFFS:
        subprocess.run(["git", "apply", "-"], cwd=folder, input=diff, text=True, check=True)
    return folder


def test_the_page_has_a_diff_for_each_kind():
    assert len(DIFFS) == 8


def test_a_sweep_of_what_the_diffs_add_runs(changed, tmp_path):
    command = Command(tmp_path)
    command.python, command.environment["PYTHONPATH"] = ["-P"], str(changed)
    (tmp_path / "added.yaml").write_text(SWEEP)
    printed = command.one_after_the_other(
        ["run", "--in-process", "--quiet", "added.yaml"], ["table", "added", "--format", "tsv"], ["trials", "added"]
    )
    assert "\thighest_lr_retraining\t2.0\t" in printed
    assert re.search(r"^([0-9a-f]{20}\n){2}\Z", printed, re.MULTILINE)
    records = [pq.read_table(path) for path in (tmp_path / "added" / "results").glob("*.parquet")]
    others = [record["other_scores"][0].as_py() for record in records]
    assert [other["metric"] for [other] in others] == ["confidence"] * 2
    assert all(0.5 <= other["test_score"] <= 1 for [other] in others)
