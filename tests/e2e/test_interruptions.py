"""Drivers and workers that are killed, or told to stop, in the middle of a sweep, which is then finished."""

from __future__ import annotations

import signal
from types import SimpleNamespace

import pytest

from orchestrator.driver import interrupt
from tests.support.command import SWEEP, Command, wait_for_workers_to_end
from tests.support.signals import write_obedient_sweep
from tests.support.stores import attempts, results, with_facts
from workers.training.trainer import Trainer

ALL = 22  # records; cells that share a stop share its record


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The sweep's store after a run in which nobody sent a signal, and its table."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_obedient_sweep(folder)
    prunesweep = Command(folder)
    prunesweep.here("run", "sweep.yaml", "--store", "store", "--in-process")
    return folder / "store", prunesweep.here("table", "store", "--value", "delta")


RAY, IN_PROCESS = ["--cpus", "2"], ["--in-process"]


@pytest.mark.timeout(1800)  # Ray starts once and torch twice, next to whatever else this machine does
@pytest.mark.parametrize(
    ("driver", "receiver", "number"),
    [
        (RAY, "group", signal.SIGTERM),  # the supervisor gets it too, as from batch systems
        (IN_PROCESS, "driver", signal.SIGINT),
    ],
    ids=["ray-SIGTERM-to-all", "in-process-SIGINT"],
)
def test_a_stopped_driver_can_be_resumed_to_the_same_table(prunesweep, tmp_path, undisturbed, driver, receiver, number):
    whole, table = undisturbed
    with_facts(tmp_path / "store", whole)
    write_obedient_sweep(tmp_path, order=f"{receiver} {number:d}")
    prunesweep("run", "sweep.yaml", "--store", "store", "--checkpoint-seconds", 0, *driver, code=128 + number)
    assert "Continue with:  prunesweep resume " in prunesweep.stderr
    wait_for_workers_to_end(tmp_path)
    before = attempts(tmp_path / "store")
    assert 4 <= len(before) < len(results(whole))
    prunesweep.here("resume", "store", "--in-process")
    after = attempts(tmp_path / "store")
    assert {name: after[name] for name in before} == before
    assert prunesweep.here("table", "store", "--value", "delta") == table
    assert results(tmp_path / "store") == results(whole)


@pytest.mark.timeout(1800)
def test_a_killed_worker_costs_nothing_but_time(prunesweep, tmp_path, undisturbed):
    """Ray and a single process give equal records and tables."""
    whole, table = undisturbed
    with_facts(tmp_path / "store", whole)
    write_obedient_sweep(tmp_path, order=f"worker {signal.SIGKILL:d}")
    prunesweep("run", "sweep.yaml", "--store", "store", "--cpus", 2, "--checkpoint-seconds", 0)
    assert (tmp_path / "obeyed").exists()
    assert "30 of 30 cells done" in prunesweep.stderr
    assert results(tmp_path / "store") == results(whole)
    assert prunesweep.here("table", "store", "--value", "delta") == table
    repeated = [path for path in (tmp_path / "store" / "logs").glob("*/*") if path.name != "0001.log"]
    assert [path.name for path in repeated] == ["0002.log"]  # of the trial whose worker was killed
    before = attempts(tmp_path / "store")
    prunesweep.here("run", "sweep.yaml", "--store", "store")  # nothing to do: Ray is not even started
    assert attempts(tmp_path / "store") == before


def test_stop_after_ends_a_training_that_would_take_days(prunesweep, sweep_file, tmp_path, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    advance = Trainer.advance

    def an_hour_passes(self):
        advance(self)
        clock.now += 3600

    monkeypatch.setattr(Trainer, "advance", an_hour_passes)
    monkeypatch.setattr(interrupt, "time", SimpleNamespace(monotonic=lambda: clock.now))
    sweep_file.write_text(SWEEP.replace("duration: 6ep", "duration: 60000ep"))
    prunesweep.here("run", "sweep.yaml", "--store", "store", "--in-process", "--stop-after", "30min", code=130)
    assert "Continue with:  prunesweep resume store" in prunesweep.stderr
    [state] = (tmp_path / "store" / "progress").glob("*/*")
    assert int(state.name.partition(".")[0]) > 0
