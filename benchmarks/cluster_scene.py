"""A sweep on a cluster of hosts: how it is started, and what is seen of it. Shared by the scenes of `cluster.py`."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.hosts import Hosts

SERVER = "http://127.0.0.1:8265"  # of jobs, on the head


class Scene:
    """A cluster, and a store with which something is tried; `expected` is the table that a sweep must end with.

    With a `bucket`, that is the store, and the folder `store` a copy of it.
    """

    def __init__(self, cluster: Hosts, store: Path, sweep: str = "sweep.yaml", expected: str = "") -> None:
        self.cluster = cluster
        self.store = store
        self.bucket = ""
        self.sweep = sweep
        self.expected = expected

    @property
    def place(self) -> str:
        """How commands name the store."""
        return self.bucket or str(self.store)

    def launch(self) -> str:
        """Submit the sweep on the head; returns the id of the job."""
        words = ["--via", "job", "--address", SERVER, "--store", self.place, "--", "--checkpoint-seconds", 2]
        submitted = self.cluster.run("head", "prunesweep", "launch", self.sweep, *words)
        assert submitted.returncode == 0, submitted.stderr
        return re.search(r"^Stop: .* (\S+)$", submitted.stderr, re.M)[1]

    def end_of(self, job: str) -> str:
        self.cluster.wait_for("the end of the job", lambda: self._status_of(job) != "RUNNING")
        return self._status_of(job)

    def _status_of(self, job: str) -> str:
        said = self.cluster.run("head", "ray", "job", "status", "--address", SERVER, job).stdout.upper()
        return next((word for word in ("SUCCEEDED", "FAILED", "STOPPED") if word in said), "RUNNING")

    def driver(self) -> list[object]:
        words = ["prunesweep", "run", self.sweep, "--store", self.place, "--address", self.cluster.head]
        return [*words, "--checkpoint-seconds", 2]

    def start_driver(self, host: str) -> subprocess.Popen[bytes]:
        return self.cluster.start(host, *self.driver(), log=f"{self.store.name}-{host}")

    def said_on(self, host: str) -> str:
        """What drivers on a host have printed."""
        return (self.cluster.folder / f"{self.store.name}-{host}.log").read_text()

    def wait_for_trials(self, *on: str) -> None:
        self.cluster.wait_for(f"trials on {on}", lambda: set(on) <= self._running().keys())

    @contextlib.contextmanager
    def frozen(self, host: str) -> Iterator[None]:
        """Freeze the process of the trial on a host for the time of the block, in which the sweep cannot end."""
        self.wait_for_trials(host)
        process = self._running()[host]
        self.cluster.run(host, "kill", "-STOP", process)
        yield
        self.cluster.run(host, "kill", "-CONT", process)

    def wait_for_states(self, count: int) -> None:
        """Wait until so many trials have saved states, as they do once they have begun to train."""
        self.cluster.wait_for("saved states", lambda: len({*self.store.glob("progress/*")}) >= count)

    def check_interrupted(self) -> None:
        """All attempts must have ended in peace, some with a saved state, and no driver may hold the lease."""
        logs = [log for logs in self.logs().values() for log in logs]
        assert all("ends:" in log for log in logs), "an attempt was killed"
        assert any("ends: interrupted" in log for log in logs), "no attempt was interrupted"
        assert not (self.store / "lease.json").exists(), "the lease is held"

    def _running(self) -> dict[str, str]:
        """The hosts on which attempts have begun and not ended, and the processes of these."""
        logs = [log for logs in self.logs().values() for log in logs if "begins:" in log and "ends:" not in log]
        return dict(re.search(r"begins: host (\w+), process (\d+)", log).groups() for log in logs)

    def logs(self) -> dict[str, list[str]]:
        """The logs of each trial; a first attempt that is done within a second leaves none."""
        trials = self.store.glob("logs/*")
        return {trial.name: [log.read_text() for log in sorted(trial.glob("*.log"))] for trial in trials}

    def table(self) -> str:
        shown = self.cluster.run("head", "prunesweep", "table", self.place, "--format", "csv")
        assert shown.returncode == 0, shown.stderr
        return shown.stdout

    def run_to_the_end(self, host: str) -> str:
        """Run the sweep from a host for as long as its exit code says that it may be continued; returns its table."""
        for _ in range(3):
            ended = self.cluster.run(host, *self.driver())
            if ended.returncode != 75:
                break
        assert ended.returncode == 0, ended.stderr
        return self.table()


def undisturbed(cluster: Hosts, name: str, sweep: str) -> str:
    scene = Scene(cluster, cluster.folder / name, sweep)
    words = ["prunesweep", "run", sweep, "--store", scene.store, "--in-process", "--quiet"]
    done = cluster.run("head", *words)
    assert done.returncode == 0, done.stderr
    return scene.table()


def complete(cluster: Hosts) -> None:
    """Start the hosts that are off, and wait until Ray's head knows all."""
    if not cluster.is_on("head"):
        cluster.start_head("head", "--dashboard-host=127.0.0.1")
        jobs = ("ray", "job", "list", "--address", SERVER)
        cluster.wait_for("the job server", lambda: cluster.run("head", *jobs).returncode == 0)
    for host in cluster.addresses:
        if not cluster.is_on(host):
            cluster.start_worker(host)
    wait_for_nodes(cluster, len(cluster.addresses))


def wait_for_nodes(cluster: Hosts, count: int) -> None:
    """Wait until Ray's head knows so many living nodes, itself included."""
    cluster.wait_for(f"{count} nodes", lambda: _living_nodes(cluster) == count)


def _living_nodes(cluster: Hosts) -> int:
    words = ("ray", "list", "nodes", "--address", SERVER, "--format", "json", "--filter", "state=ALIVE")
    return cluster.run("head", *words).stdout.count('"node_id"')
