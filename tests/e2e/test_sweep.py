"""The whole road as a user goes it: run, extend, try again, read the table."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support import hosts
from tests.support.command import SWEEP, Command, wait_for_workers_to_end
from tests.support.stores import attempts, contents, results, with_facts

CELLS = 2 + 2 * (3 * 2 * 2 + 2)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The sweep's store after one run without Ray, and its table."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "sweep.yaml").write_text(SWEEP)
    prunesweep = Command(folder)
    prunesweep.here("run", "sweep.yaml", "--store", "store", "--in-process")
    assert f"{CELLS} of {CELLS} cells done" in prunesweep.stderr
    return folder / "store", prunesweep.here("table", "store", "--value", "delta")


@pytest.mark.timeout(1800)
def test_a_driver_that_dies_under_ray_loses_nothing_and_leaves_nobody_behind(
    prunesweep, sweep_file, tmp_path, undisturbed
):
    """At one crash point. All of them: tests/faults."""
    with_facts(tmp_path / "store", undisturbed[0])
    prunesweep.environment["PRUNESWEEP_CRASH_AT"] = "dispatcher.ended:6:kill"
    options = ("--cpus", 1, "--checkpoint-seconds", 0)
    prunesweep("run", "sweep.yaml", "--store", "store", *options, code=75)
    assert "error: the driver was killed (SIGKILL)" in prunesweep.stderr
    assert f"Continue with:  prunesweep resume {tmp_path / 'store'}\n" in prunesweep.stderr
    assert not (tmp_path / "store/lease.json").exists()
    wait_for_workers_to_end(tmp_path)
    published = contents(tmp_path / "store")
    assert 0 < len(published) < len(results(undisturbed[0]))
    prunesweep.here("resume", "store", "--in-process")
    after = contents(tmp_path / "store")
    assert {name: after[name] for name in published} == published
    assert results(tmp_path / "store") == results(undisturbed[0])


@pytest.fixture
def cluster():
    """A Ray cluster on two hosts, each with its own address and one CPU, which share all files; and a third host."""
    if reason := hosts.missing():
        pytest.skip(f"hosts are network namespaces: {reason}")
    with hosts.hosts("head", "other", "stranger") as machines:
        machines.start_head("head", "--include-dashboard=false", "--no-monitor", "--include-log-monitor=false", cpus=1)
        machines.start_worker("other", "--include-log-monitor=false")
        yield machines


@pytest.mark.timeout(1800)
def test_strangers_and_a_host_that_loses_its_power_change_nothing(cluster, sweep_file, tmp_path, undisturbed):
    """All that can happen to a cluster: `benchmarks/cluster.py`."""
    store = with_facts(tmp_path / "store", undisturbed[0])
    wrong = {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    stranger = cluster.start_worker("stranger", restarted=False, **wrong)
    doctor = cluster.run("stranger", "prunesweep", "doctor", "--address", cluster.head, **wrong)
    assert (doctor.returncode, "refuses the token" in doctor.stdout) == (1, True), doctor.stdout
    cluster.wait_for("the other host", lambda: cluster.starts("other"))  # or the head would train everything
    driver = cluster.start("head", "prunesweep", "run", sweep_file, "--store", store, "--address", cluster.head)
    cluster.wait_for("a record of the other host", lambda: "other" in hosts_of(store))
    cluster.power_off("other")
    published = contents(store)
    assert driver.wait(600) == 0, (cluster.folder / "head.log").read_text()
    after = contents(store)
    assert {name: after[name] for name in published} == published
    assert stranger.wait(600) != 0
    assert hosts_of(store) == {"head", "other"}
    assert results(store) == results(undisturbed[0])


def hosts_of(store: Path) -> set[str]:
    """The hosts that have published records."""
    return {pq.read_table(file)["host"][0].as_py() for file in store.glob("results/*.parquet")}


def test_extending_a_sweep_trains_only_what_is_new(prunesweep, sweep_file, tmp_path, undisturbed):
    with_facts(tmp_path / "store", undisturbed[0])
    prunesweep.here("run", "sweep.yaml", "--store", "store", "--in-process", "--only", "replicate=0,schedule=one_shot")
    before = attempts(tmp_path / "store")
    assert len(before) == 1 + 3 * 2 * 2 - 2  # the dense network; LR rewinding by 50% is fine-tuning here
    text = sweep_file.read_text().replace("compression: [4, 8]", "compression: [4, 8, 16]")
    sweep_file.write_text(text.replace("replicates: 2", "replicates: 3", 1))
    prunesweep.here("run", "sweep.yaml", "--store", "store", "--in-process")
    after = attempts(tmp_path / "store")
    assert {name: after[name] for name in before} == before
    status = json.loads(prunesweep.here("status", "store", "--json"))
    assert [(sweep["cells"], sweep["done"]) for sweep in status["sweeps"]] == [(CELLS, CELLS), (3 + 3 * 18 + 4, 61)]


def test_a_failed_trial_blocks_only_its_descendants_and_can_be_tried_again(
    prunesweep, sweep_file, tmp_path, undisturbed
):
    with_facts(tmp_path / "store", undisturbed[0])
    text = sweep_file.read_text()
    sweep_file.write_text(text.replace("lr: 0.1", "lr: 1e30"))
    prunesweep.here("run", "sweep.yaml", "--store", "store", "--in-process", code=3)
    assert "2 trials failed (2 diverged)" in prunesweep.stderr
    status = prunesweep.here("status", "store")
    assert "diverged at step" in status or "diverged: loss is" in status
    assert "2 trials failed (2 diverged)" in status
    prunesweep.here("resume", "store", "--in-process", code=3)  # is not tried again by itself
    counts = json.loads(prunesweep.here("status", "store", "--json"))["sweeps"][0]
    assert (counts["failed"], counts["blocked"], counts["done"]) == (2, CELLS - 2, 0)
    prunesweep.here("resume", "store", "--in-process", "--retry-failed", code=3)
    assert "2 trials failed" in prunesweep.stderr
    sweep_file.write_text(text)
    prunesweep.here("run", "sweep.yaml", "--store", "store", "--in-process")  # another recipe: other trials


def test_export_writes_the_tidy_table_and_the_figure(prunesweep, undisturbed):
    store, _ = undisturbed
    paths = prunesweep.here("export", store, "--to", "out").split()
    assert [Path(path).name for path in paths] == [
        "results.parquet",
        "results.csv",
        "layers.parquet",
        "layers.csv",
        "curves.parquet",
        "curves.csv",
        "statistics.csv",
        "accuracy_vs_compression.png",
        "accuracy_vs_compression.svg",
        "accuracy_vs_compression.pdf",
    ]
    folder = prunesweep.folder
    assert pq.read_table(folder / paths[0]).num_rows == CELLS
    assert len((folder / paths[1]).read_text().splitlines()) == CELLS + 1
    assert pq.read_table(folder / paths[4]).num_rows == len((folder / paths[5]).read_text().splitlines()) - 1 > 0
    assert (folder / paths[6]).read_text().startswith("dataset,network,")
    assert (folder / paths[7]).read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (folder / paths[8]).read_text()
    assert (folder / paths[9]).read_bytes().startswith(b"%PDF")


def test_plan_counts_what_is_left(prunesweep, sweep_file, undisturbed):
    store, _ = undisturbed
    fresh = json.loads(prunesweep.here("plan", "sweep.yaml", "--json"))
    assert (fresh["cells"], fresh["cells_done"], fresh["steps_missing"]) == (CELLS, 0, fresh["steps"])
    assert fresh["steps_without_sharing"] > fresh["steps"]
    done = json.loads(prunesweep.here("plan", "sweep.yaml", "--store", store, "--json"))
    assert (done["cells_done"], done["steps_missing"]) == (CELLS, 0)
    assert "without sharing" in prunesweep.here("plan", "sweep.yaml", "--store", store)
