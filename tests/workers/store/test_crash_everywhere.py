"""Die at every crash point of worker and store, run again, and look: nothing half, nothing twice, nothing lost."""

from __future__ import annotations

import signal

import pytest

from tests.support import crashing_worker
from tests.support.crash_points import WORKER_POINTS
from tests.support.forks import fork_server
from tests.support.stores import contents, results
from workers.store import Store
from workers.store.layout import parse_state_path
from workers.training.states.state import parse_state

EXIT_CODES = {"kill": -signal.SIGKILL, "exit": 1, "exception": 1}


@pytest.fixture(scope="module")
def server():
    """Runs a scenario in a fork: `server(location, setting)` is its exit code."""
    with fork_server("tests.support.crashing_worker") as execute:
        yield execute


@pytest.fixture(scope="module")
def undisturbed(server, tmp_path_factory):
    """The store of a scenario in which nothing happened, and how often each point is passed."""
    location = tmp_path_factory.mktemp("undisturbed") / "store"
    assert server(location) == 0
    return Store(location), crashing_worker.count(str(location.parent / "counted"))


def check_nothing_half(store):
    """Every file that a reader can see is whole."""
    for folder in ("checkpoints", "progress"):
        for path, data in contents(store, folder).items():
            parse_state(data, path, parse_state_path(path))
    for key in store.records.all_keys():
        store.records.detail(key)
    assert store.records.conflicts() == []


def check(server, undisturbed, location, setting):
    expected, _ = undisturbed
    mode = setting.split(":")[2]
    assert server(location, setting) == EXIT_CODES[mode]
    published = {}
    if (location / "store.json").exists():
        store = Store(location)
        check_nothing_half(store)
        published = contents(store, "results") | contents(store, "checkpoints")
        assert all(row in results(expected) for row in results(store))
    assert server(location) == 0
    store = Store(location)
    check_nothing_half(store)
    assert results(store) == results(expected)
    assert published.items() <= (contents(store, "results") | contents(store, "checkpoints")).items()
    assert store.states.checkpoint_sizes().keys() == expected.states.checkpoint_sizes().keys()
    assert store.files.sizes("progress") == {}
    for key in expected.records.all_keys():
        assert store.records.detail(key) == expected.records.detail(key)


def test_every_point_is_passed(undisturbed):
    _, passed = undisturbed
    assert sorted(passed) == WORKER_POINTS


@pytest.mark.parametrize(("which", "mode"), [("first", "kill"), ("middle", "exception"), ("last", "kill")])
@pytest.mark.parametrize("point", WORKER_POINTS)
def test_a_crash_loses_nothing(server, undisturbed, tmp_path, point, which, mode):
    times = undisturbed[1][point]
    number = {"first": 1, "middle": (times + 1) // 2, "last": times}[which]
    check(server, undisturbed, tmp_path / "store", f"{point}:{number}:{mode}")


def test_an_exit_without_cleaning_up_loses_nothing(server, undisturbed, tmp_path):
    check(server, undisturbed, tmp_path / "store", "record.before:2:exit")
