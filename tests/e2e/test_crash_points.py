"""Drivers that die at crash points of theirs while a real Ray works for them. All points: tests/faults."""

from __future__ import annotations

import signal

import pytest

from tests.support.command import wait_for_workers_to_end
from tests.support.stores import contents, results


@pytest.fixture
def undisturbed(prunesweep, sweep_file, tmp_path):
    prunesweep.here("run", "sweep.yaml", "--store", "undisturbed", "--in-process")
    return tmp_path / "undisturbed"


@pytest.mark.timeout(1800)
def test_a_driver_that_dies_under_ray_loses_nothing_and_leaves_nobody_behind(
    prunesweep, sweep_file, tmp_path, undisturbed
):
    published: dict[str, bytes] = {}
    for point, code in {"dispatcher.reached:2:kill": -signal.SIGKILL, "dispatcher.ended:6:exit": 70}.items():
        prunesweep.environment["PRUNESWEEP_CRASH_AT"] = point
        prunesweep("run", "sweep.yaml", "--store", "store", "--cpus", 1, "--checkpoint-seconds", 0, code=code)
        wait_for_workers_to_end(tmp_path)
        there = contents(tmp_path / "store")
        assert {name: there[name] for name in published} == published
        published = there
    assert 0 < len(published) < len(results(undisturbed))
    del prunesweep.environment["PRUNESWEEP_CRASH_AT"]
    prunesweep.here("resume", "store", "--in-process")
    assert results(tmp_path / "store") == results(undisturbed)
