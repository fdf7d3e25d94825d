"""A user's `mypy --strict` sees the types of what `import prunesweep as ps` offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import orchestrator
import prunesweep
import workers

SCRIPT = """\
import prunesweep as ps

sweep = ps.load("sweep.yaml")
reveal_type(sweep)
reveal_type(ps.run(sweep))
reveal_type(ps.table(ps.frame("runs/mine"), value="delta"))
images = ps.Images(train_images=1, train_labels=2, test_images=3, test_labels=4, classes=5)
reveal_type(images)
reveal_type(images.classes)
reveal_type(ps.__version__)
ps.run(3)
ps.tabel
"""
SETTINGS = """\
[mypy]
strict = true
[mypy-matplotlib.*,numpy.*,pandas.*,pyarrow.*,pydantic.*,ray.*,torch.*]
follow_imports = skip
"""  # only to be quick: reading torch and pandas takes 12 s
REVEALED = [
    "orchestrator.sweep.spec.SweepSpec",
    "orchestrator.driver.summary.Summary",
    "orchestrator.results.table.Table",
    "workers.data.images.Images",
    "int",
    "str",
]


@pytest.mark.parametrize("package", [prunesweep, orchestrator, workers])
def test_every_package_says_that_it_has_types(package):
    assert (Path(package.__path__[0]) / "py.typed").is_file()


def test_a_users_mypy_sees_them(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    command = [sys.executable, "-m", "mypy", "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    assert [line for line in lines if line.startswith("note: Revealed")] == [
        f'note: Revealed type is "{name}"' for name in REVEALED
    ]
    wrong, unknown = [line for line in lines if line.startswith("error")]
    assert 'Argument 1 to "run" has incompatible type "int"' in wrong
    assert 'Module has no attribute "tabel"' in unknown
