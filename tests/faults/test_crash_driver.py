"""Die at every crash point of the driver, run again, and look: nothing lost, nothing twice, the same table."""

from __future__ import annotations

import shutil
import signal

import pytest

from tests.support.crash_points import DRIVER_POINTS
from tests.support.forks import fork_server
from tests.support.stores import contents, results
from workers.store import Store, layout
from workers.store.lease_owner import read_owner

EXIT_CODES = {"kill": -signal.SIGKILL, "exception": 1}


@pytest.fixture(scope="module")
def server():
    """Drives a sweep in a fork: `server(location, setting)` is its exit code."""
    with fork_server("tests.support.crashing_driver") as execute:
        yield execute


@pytest.fixture(scope="module")
def undisturbed(server, tmp_path_factory):
    """A store in which nothing happened."""
    location = tmp_path_factory.mktemp("undisturbed") / "store"
    assert server(location) == 0
    assert len(Store(location).failures.read_all()) == 1
    return location


@pytest.fixture
def begun(undisturbed, tmp_path):
    """A store that has the failure of an earlier run, to be forgotten, and nothing else."""
    location = tmp_path / "store"
    location.mkdir()
    shutil.copy(undisturbed / "store.json", location)
    for folder in ("facts", "failures"):
        shutil.copytree(undisturbed / folder, location / folder)
    return location


def test_there_are_points_to_die_at():
    assert {"session.planned", "dispatcher.ended", "lease.taken"} <= set(DRIVER_POINTS)


@pytest.mark.parametrize("mode", EXIT_CODES)
@pytest.mark.parametrize("point", DRIVER_POINTS)
def test_a_driver_that_dies_anywhere_loses_nothing(server, undisturbed, begun, point, mode):
    assert server(begun, f"{point}:1:{mode}") == EXIT_CODES[mode]
    owner = read_owner(Store(begun).files)
    assert owner is None or owner.is_gone  # a killed driver leaves its lease behind, and it holds up nobody
    before = contents(begun)
    assert server(begun) == 0
    after = contents(begun)
    assert {name: after[name] for name in before} == before
    assert results(begun) == results(undisturbed)
    assert Store(begun).failures.read_all().keys() == Store(undisturbed).failures.read_all().keys()
    assert not (begun / layout.LEASE).exists()
    assert Store(begun).records.conflicts() == []


@pytest.mark.parametrize(
    "point", [point for point in DRIVER_POINTS if point.startswith("dispatcher.") and "ed" in point]
)
def test_a_driver_that_dies_again_and_again_gets_there(server, undisturbed, begun, point):
    for _ in range(6):
        server(begun, f"{point}:2:kill")
    assert server(begun) == 0
    assert results(begun) == results(undisturbed)
