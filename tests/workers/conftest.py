"""Every test of a worker starts like a trial on the CPU: one thread, and no random state from the test before.

Also modules of the user's own.
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
import torch

from tests.support.own_modules import Write


@pytest.fixture(autouse=True)
def single_threaded_torch() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a module into the current directory and returns its name; none of it outlives the test."""
    name = f"own_{tmp_path.name.replace('-', '_')}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, name, raising=False)

    def write(code: str) -> str:
        (tmp_path / f"{name}.py").write_text("import torch\nfrom torch import nn\n" + textwrap.dedent(code))
        return name

    return write
