"""Sweeps that are run from a thread, as notebook servers and web back ends do, one after the other in two folders.

Through Ray: test_prune_command.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import prunesweep as ps
from orchestrator.driver.session import _driving
from orchestrator.planning import facts
from orchestrator.sweep.spec import spec_from_dict
from tests.support.sweeps import recipe, tiny_sweep
from tests.support.threads import in_thread
from workers.describe.apart import describe_apart
from workers.store import Store

NET = """
from torch import nn

def build(*, input_shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(36, {width}), nn.ReLU(), nn.Linear({width}, classes))
"""
SWEEP = tiny_sweep(
    network={"name": "net_of_a_thread:build"},
    recipe=recipe(duration="2ep", batch_size=16),
    grid={"technique": "dense", "replicates": 1},
)
OPTIONS = ps.RunOptions(in_process=True, quiet=True)


def test_sweeps_run_from_threads_in_one_folder_after_the_other(tmp_path: Path, monkeypatch) -> None:
    weights = []
    for folder, width in {"one": 8, "two": 9}.items():
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        Path("net_of_a_thread.py").write_text(NET.format(width=width))
        assert in_thread(lambda: ps.run(spec_from_dict(SWEEP), "store", options=OPTIONS)).exit_code == 0
        weights.append(Store("store").records.read_all().table.column("prunable_weights").to_pylist())
        monkeypatch.setattr(facts, "describe_apart", describe_apart)  # where nothing of the first folder is imported
    assert weights == [[36 * width + width * 4] for width in (8, 9)]


def test_a_second_sweep_at_once_is_refused(tmp_path: Path) -> None:
    spec = spec_from_dict(tiny_sweep())
    with _driving, pytest.raises(ps.InputError, match="another sweep is running in this process"):
        ps.run(spec, tmp_path / "store", options=OPTIONS)
    assert ps.run(spec, tmp_path / "store", options=OPTIONS).exit_code == 0
