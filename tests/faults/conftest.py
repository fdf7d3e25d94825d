"""What the tests of faults share."""

from __future__ import annotations

import shutil

import pytest

import prunesweep as ps
from orchestrator.sweep.spec import spec_from_dict
from tests.support.sweeps import tiny_sweep
from workers.store import Store

OPTIONS = ps.RunOptions(in_process=True, quiet=True)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    location = tmp_path_factory.mktemp("made") / "store"
    assert ps.run(spec_from_dict(tiny_sweep()), location, options=OPTIONS).exit_code == 0
    return location


@pytest.fixture
def swept(made, tmp_path):
    """The store of a finished sweep."""
    return Store(shutil.copytree(made, tmp_path / "swept"))
