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


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The sweep's store after a run in which nobody sent a signal, and its table."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_obedient_sweep(folder)
    prunesweep = Command(folder)
    prunesweep.here("run", "sweep.yaml", "--store", "store", "--in-process")
    return folder / "store", prunesweep.here("table", "store", "--value", "delta")


@pytest.mark.timeout(1800)  # Ray starts once and torch three times, next to whatever else this machine does
def test_a_killed_worker_and_a_stopped_driver_cost_nothing_but_time(prunesweep, tmp_path, undisturbed):
    """Ray and a single process give equal records and tables."""
    whole, _ = undisturbed
    with_facts(tmp_path / "store", whole)
    killed = f"2 results/*.parquet worker {signal.SIGKILL:d}"
    stopped = f"6 results/*.parquet group {signal.SIGTERM:d}"  # to the supervisor, too, as batch systems do
    write_obedient_sweep(tmp_path, killed, stopped)
    before = stop(prunesweep, signal.SIGTERM, "--cpus", 2)
    assert 6 <= len(before) < len(results(whole))
    [lost] = [path for path in (tmp_path / "store" / "logs").glob("*/*") if "lost_worker" in path.read_text()]
    check_resumed(prunesweep, undisturbed, before)
    assert lost.with_name("0002.log").exists()
    finished = attempts(tmp_path / "store")
    prunesweep.here("run", "sweep.yaml", "--store", "store")  # nothing to do: Ray is not even started
    assert attempts(tmp_path / "store") == finished


@pytest.mark.timeout(1800)
def test_ctrl_c_in_process_costs_nothing_but_time(prunesweep, tmp_path, undisturbed):
    whole, _ = undisturbed
    with_facts(tmp_path / "store", whole)
    write_obedient_sweep(tmp_path, f"4 results/*.parquet driver {signal.SIGINT:d}")
    before = stop(prunesweep, signal.SIGINT, "--in-process")
    assert 4 <= len(before) < len(results(whole))
    check_resumed(prunesweep, undisturbed, before)


def stop(prunesweep, number, *options):
    """Run the sweep until a signal ends it; returns the attempts of its records."""
    store = prunesweep.folder / "store"
    prunesweep("run", "sweep.yaml", "--store", "store", "--checkpoint-seconds", 0, *options, code=128 + number)
    assert "Continue with:  prunesweep resume " in prunesweep.stderr
    wait_for_workers_to_end(prunesweep.folder)
    return attempts(store)


def check_resumed(prunesweep, undisturbed, before):
    """Resume the sweep, which trains nothing again, to the results of one that nobody disturbed."""
    whole, table = undisturbed
    store = prunesweep.folder / "store"
    prunesweep.here("resume", "store", "--in-process")
    after = attempts(store)
    assert {name: after[name] for name in before} == before
    assert prunesweep.here("table", "store", "--value", "delta") == table
    assert results(store) == results(whole)


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
