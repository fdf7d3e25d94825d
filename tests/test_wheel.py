"""The wheel holds every file of the packages, and its command runs from them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the contents of the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_the_wheel_has_every_file_of_the_packages(installed):
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True)
    names = listed.stdout.splitlines()
    assert names
    filled = ("rayjob.yaml", "slurm.sbatch", "slurm-array.sbatch")
    names += [f"orchestrator/launching/templates/{name}" for name in filled]
    assert [name for name in names if not (installed / name).is_file()] == []
    [command] = installed.glob("*.data/scripts/prunesweep-node")
    assert command.read_bytes() == (ROOT / "docker" / "entrypoint.sh").read_bytes()


def test_the_command_of_the_wheel_runs(installed, tmp_path):
    module, _, function = PROJECT["project"]["scripts"]["prunesweep"].partition(":")
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r}); sys.argv = ['prunesweep', 'init', 'sweep.yaml'];"
        f"import {module} as command; assert command.__file__.startswith({str(installed)!r}); command.{function}()"
    )
    subprocess.run([sys.executable, "-P", "-c", program], cwd=tmp_path, check=True)
    assert (tmp_path / "sweep.yaml").read_text("utf-8").startswith("#")
