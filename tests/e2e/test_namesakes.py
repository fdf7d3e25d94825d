"""A folder full of modules that are named like those of prunesweep, of Python and of what prunesweep uses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Command

FIRST = ["types", "warnings"]  # `python -m` itself imports them, before anything of ours can be run
PYTHON = ["argparse", "enum", "inspect", "json", "logging", "queue", "random", "site", "sitecustomize", "typing"]
INSTALLED = ["matplotlib", "numpy", "pandas", "pyarrow", "pydantic", "ray", "safetensors", "torch", "typer", "yaml"]
ROOT = Path(__file__).parents[2]
BOOM = "raise SystemExit('a module of the current directory was imported')\n"

NETWORK = """\
import random

from utils import layers


def build(input_shape, classes):
    assert 0 <= random.random() < 1
    return layers(input_shape, classes)
"""
UTILS = """\
from torch import nn


def layers(input_shape, classes):
    channels, height, width = input_shape
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * height * width, 8), nn.ReLU(), nn.Linear(8, classes))
"""
SWEEP = """\
version: 1
name: mine
store: runs/mine
dataset: {name: synthetic, train_images: 80, test_images: 40, classes: 4, channels: 1, size: 6}
network: "my_network:build"
recipe:
  duration: 2ep
  batch_size: 16
  optimizer: {name: SGD, lr: 0.1}
  schedule: {name: constant}
grid: {technique: lr_rewinding, compression: 4, budget: 50%}
"""
SPAWNING = """\
from prunesweep.import_order import put_current_folder_last
put_current_folder_last()
from importlib import import_module
from multiprocessing import get_context

process = get_context("spawn").Process(target=import_module, args=["workers.errors"])
process.start()
process.join()
raise SystemExit(process.exitcode)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A network of the user's own, and modules next to it that must not be imported."""
    (tmp_path / "my_network.py").write_text(NETWORK)
    (tmp_path / "utils.py").write_text(UTILS)
    (tmp_path / "s.yaml").write_text(SWEEP)
    for name in [*PYTHON, *INSTALLED]:
        (tmp_path / f"{name}.py").write_text(BOOM)
    for name in ["workers", "orchestrator"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(BOOM)
    return tmp_path


@pytest.mark.timeout(1800)
def test_every_command_works(prunesweep: Command, folder: Path) -> None:
    for name in [*FIRST, "prunesweep"]:
        (folder / f"{name}.py").write_text(BOOM)
    (folder / "lib").mkdir()
    for name in ["workers", "orchestrator"]:
        (folder / "lib" / f"{name}.py").write_text(BOOM)
    (folder / "my_network.py").rename(folder / "lib" / "my_network.py")
    prunesweep.environment["PYTHONPATH"] = str(folder / "lib")
    prunesweep.python = ["-P"]  # as the console script is started, which has no folder on its path either
    prunesweep("run", "s.yaml", "--cpus", 1)
    assert "2 of 2 cells done" in prunesweep.stderr
    printed = prunesweep.one_after_the_other(
        ["init", "new.yaml"],
        ["plan", "s.yaml"],
        ["status", "runs/mine"],
        ["table", "runs/mine"],
        ["export", "runs/mine", "--to", "export"],
        ["report", "runs/mine", "-o", "report.html"],
        ["verify", "runs/mine"],
        ["export-model", "runs/mine", "technique=lr_rewinding"],
        ["doctor"],
    )
    for text in ["0 trials to run", "2 of 2 cells done", "lr_rewinding", "torchvision"]:
        assert text in printed
    for path in ["new.yaml", "export/results.csv", "report.html"]:
        assert (folder / path).exists()


def test_what_pythonpath_puts_first_comes_last(prunesweep: Command, folder: Path) -> None:
    """In this process, in the one that describes networks, and in those that decode images."""
    (folder / "workers" / "__init__.py").rename(folder / "workers.py")
    (folder / "workers").rmdir()
    for name in ["site", "sitecustomize"]:  # from PYTHONPATH, Python itself imports these when it starts
        (folder / f"{name}.py").unlink()
    (folder / "s.yaml").write_text(re.sub("network: .*", "network: {name: mlp, hidden: [8]}", SWEEP))
    prunesweep.environment["PYTHONPATH"] = "."
    assert "0 of 2 cells; 2 trials to run" in prunesweep("plan", "s.yaml")
    done = subprocess.run([sys.executable, "-c", SPAWNING], cwd=folder, env=prunesweep.environment)
    assert done.returncode == 0


def test_a_script_of_the_user_imports_ours(tmp_path: Path, sweep_file: Path) -> None:
    for name in ["workers", "orchestrator"]:
        (tmp_path / f"{name}.py").write_text(BOOM)
    (tmp_path / "script.py").write_text(
        "import prunesweep as ps\n\nprint(ps.load('sweep.yaml').name, ps.Images.__module__)\n"
    )
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "tiny workers.data.images\n"


def test_a_module_that_was_imported_first_is_named(tmp_path: Path) -> None:
    (tmp_path / "workers.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", "import workers, prunesweep"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.endswith(f"already imported and must be renamed: {tmp_path / 'workers.py'}\n")


@pytest.mark.parametrize("environment", [{"PYTHONPATH": "."}, {}])
def test_processes_started_in_a_clone_import_its_code(tmp_path: Path, environment: dict[str, str]) -> None:
    """While another prunesweep is installed: the one that runs this test."""
    for package in ["prunesweep", "orchestrator", "workers"]:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    program = (
        "import subprocess, sys; from prunesweep.import_order import put_current_folder_last as last; last();"
        "subprocess.run([sys.executable, '-P', '-c', 'import prunesweep, workers; print(workers.__file__)'])"
    )
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, *(["-P"] if environment else []), "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, env=inherited | environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{tmp_path / 'workers' / '__init__.py'}\n"
