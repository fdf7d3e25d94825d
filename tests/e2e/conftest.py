"""A sweep file in a folder of each test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import SWEEP


@pytest.fixture
def sweep_file(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.yaml"
    path.write_text(SWEEP)
    return path
