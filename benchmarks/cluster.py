"""A cluster of three hosts on one machine, started by `docker/entrypoint.sh`: what is done to it, and the same table.

    python benchmarks/cluster.py [--quick]

Each host is a network namespace with its own address and name; all share one folder. Needs root, Debian's `iproute2`
and the extra `cluster`. A sweep is submitted by `prunesweep launch --via job`; a node is killed in the middle of a
trial, the job is stopped and launched again, and machines and drivers without the token for Ray try to take part.
Traffic stays on loopback and between the namespaces. Exits with 1 if a promise is broken.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
NODE = ROOT / "docker" / "entrypoint.sh"
HOSTS = {"pshead": "10.77.0.2", "psone": "10.77.0.3", "pstwo": "10.77.0.4"}
HEAD = f"{HOSTS['pshead']}:6379"
BRIDGE, OUTSIDE = "psbridge", "10.77.0.1"
SERVER = "http://127.0.0.1:8265"  # of jobs, on the head
RESTARTED = ("sh", "-c", 'until "$0" "$@"; do sleep 2; done')  # as Compose does: Ray gives a node 30 s to start
PATIENCE = 600.0  # seconds: the machine may have much else to do

SWEEP = """\
version: 1
name: digits
dataset: digits
network: {{name: resnet8, width: 8}}
recipe:
  duration: {epochs}ep
  batch_size: 50
  optimizer: {{name: SGD, lr: 0.1, momentum: 0.9}}
  schedule: {{name: piecewise, boundaries: [50%], factor: 0.1}}
  batch_norm_momentum: 0.1
grid: {{technique: [fine_tuning, lr_rewinding], compression: [4, 16], budget: 50%, replicates: 2}}
"""


class Cluster:
    """Hosts with addresses and names, and the processes that were started on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = secrets.token_hex(32)
        self.started: list[subprocess.Popen[bytes]] = []

    def environment(self, **changes: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        own = {"RAY_AUTH_TOKEN": self.token, "RAY_AUTH_MODE": "token", "NO_COLOR": "1", "HOME": str(self.folder)}
        own["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}"
        return kept | own | {"RAY_worker_niceness": "0"} | changes

    def command(self, host: str, *words: object) -> list[str]:
        """Words of a command that runs on a host."""
        named = ["unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', host]
        return ["ip", "netns", "exec", host, *named, *map(str, words)]

    def start(self, host: str, *words: object, **changes: str) -> subprocess.Popen[bytes]:
        log = open(self.folder / f"{host}.log", "ab")  # noqa: SIM115  (the process keeps it)
        environment = self.environment(**changes)
        process = subprocess.Popen(self.command(host, *words), env=environment, stdout=log, stderr=log)
        self.started.append(process)
        return process

    def run(self, host: str, *words: object, **changes: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment(**changes)
        command = self.command(host, *words)
        return subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE
        )

    def start_head(self) -> None:
        place = ["--node-ip-address", HOSTS["pshead"], "--port", 6379, "--temp-dir", self.folder / "pshead"]
        self.start("pshead", *RESTARTED, NODE, "head", "--block", "--num-cpus=0", "--dashboard-host=127.0.0.1", *place)

    def start_worker(self, host: str, around: tuple[str, ...] = RESTARTED, **changes: str) -> subprocess.Popen[bytes]:
        place = ["--node-ip-address", HOSTS[host], "--temp-dir", self.folder / host]
        words = [*around, NODE, "worker", "--block", "--num-cpus=1", *place]
        return self.start(host, *words, RAY_ADDRESS=HEAD, **changes)

    def processes(self, host: str) -> list[int]:
        listed = subprocess.run(["ip", "netns", "pids", host], capture_output=True, text=True, check=False)
        return [int(pid) for pid in listed.stdout.split()]

    def power_off(self, host: str) -> None:
        """End everything on a host at once, as a power failure does."""
        for pid in self.processes(host):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def hosts(folder: Path) -> Iterator[Cluster]:
    """A bridge and the hosts on it, for the time of the block."""
    cluster = Cluster(folder)
    remove(cluster)
    ip("link", "add", BRIDGE, "type", "bridge")
    ip("addr", "add", f"{OUTSIDE}/24", "dev", BRIDGE)
    ip("link", "set", BRIDGE, "up")
    try:
        for host, address in HOSTS.items():
            ip("netns", "add", host)
            ip("link", "add", f"{host}0", "type", "veth", "peer", "name", "eth0", "netns", host)
            ip("link", "set", f"{host}0", "master", BRIDGE, "up")
            ip("-n", host, "addr", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                ip("-n", host, "link", "set", device, "up")
        yield cluster
    finally:
        remove(cluster)


def remove(cluster: Cluster) -> None:
    for host in HOSTS:
        cluster.power_off(host)
        for words in (["link", "del", f"{host}0"], ["netns", "del", host]):
            subprocess.run(["ip", *words], capture_output=True, check=False)
    subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True, check=False)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def wait_for(what: str, done: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.5)


def launch(cluster: Cluster, store: Path) -> str:
    """Submit the sweep on the head; returns the id of the job."""
    words = ["--via", "job", "--address", SERVER, "--store", store, "--", "--checkpoint-seconds", 2]
    submitted = cluster.run("pshead", "prunesweep", "launch", "sweep.yaml", *words)
    assert submitted.returncode == 0, submitted.stderr
    return re.search(r"^Stop: .* (\S+)$", submitted.stderr, re.M)[1]


def status_of(cluster: Cluster, job: str) -> str:
    said = cluster.run("pshead", "ray", "job", "status", "--address", SERVER, job).stdout
    return next((word for word in ("SUCCEEDED", "FAILED", "STOPPED") if word in said), "RUNNING")


def running(cluster: Cluster, store: Path) -> set[str]:
    """The hosts on which attempts have begun and not ended."""
    logs = [path.read_text() for path in store.glob("logs/*/*.log")]
    return {host for host in HOSTS for log in logs if host in log and "ends:" not in log}


def table(cluster: Cluster, store: Path) -> str:
    shown = cluster.run("pshead", "prunesweep", "table", store, "--format", "csv")
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def undisturbed(cluster: Cluster, store: Path) -> str:
    done = cluster.run("pshead", "prunesweep", "run", "sweep.yaml", "--store", store, "--in-process", "--quiet")
    assert done.returncode == 0, done.stderr
    return table(cluster, store)


def a_node_is_killed(cluster: Cluster, reference: str) -> bool:
    """Power off one of two nodes in the middle of its trial; the job must end by itself, with the same table."""
    store = cluster.folder / "killed"
    job = launch(cluster, store)
    wait_for("two trials at once", lambda: len(running(cluster, store)) == 2)
    cluster.power_off("psone")
    wait_for("the end of the job", lambda: status_of(cluster, job) != "RUNNING")
    return status_of(cluster, job) == "SUCCEEDED" and table(cluster, store) == reference


def the_job_is_stopped(cluster: Cluster, reference: str) -> bool:
    """Stop the job; running trials must save their states, and a new job must end with the same table."""
    store = cluster.folder / "stopped"
    job = launch(cluster, store)
    wait_for("two trials at once", lambda: len(running(cluster, store)) == 2)
    cluster.run("pshead", "ray", "job", "stop", "--address", SERVER, job)
    wait_for("the end of the job", lambda: status_of(cluster, job) != "RUNNING")
    saved = list(store.glob("progress/*/*")) or list(store.glob("results/*"))
    again = launch(cluster, store)
    wait_for("the end of the second job", lambda: status_of(cluster, again) != "RUNNING")
    ended = [status_of(cluster, job), status_of(cluster, again)]
    return bool(saved) and ended == ["STOPPED", "SUCCEEDED"] and table(cluster, store) == reference


def strangers_are_refused(cluster: Cluster, _: str) -> bool:
    """A worker and a driver without the token, or with another one, must not take part."""
    wrong = {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    without = cluster.run("psone", NODE, "worker", "--block", RAY_ADDRESS=HEAD, RAY_AUTH_TOKEN="")
    driver = cluster.run("pstwo", "prunesweep", "run", "sweep.yaml", "--store", "x", "--address", HEAD, **wrong)
    plain = cluster.run("pstwo", "prunesweep", "doctor", "--address", HEAD, RAY_AUTH_MODE="disabled")
    stranger = cluster.start_worker("psone", around=(), **wrong)
    ended = stranger.wait(PATIENCE)
    refused = "refuses the token" in driver.stderr and "refuses the token" in plain.stdout
    return (without.returncode, driver.returncode, plain.returncode) == (2, 2, 1) and ended != 0 and refused


def nothing_listens_outside(cluster: Cluster, _: str) -> bool:
    """The job server must not listen on the network, nor Ray outside of the hosts' own network."""
    try:
        socket.create_connection((HOSTS["pshead"], 8265), timeout=5).close()
        return False
    except OSError:
        pass
    listed = subprocess.run(["ss", "-ltnH"], capture_output=True, text=True, check=True).stdout
    return not any(address in listed for address in (f"{OUTSIDE}:6379", "*:6379 ", "0.0.0.0:6379"))


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--quick", action="store_true", help="shorter trials")
    epochs = 24 if arguments.parse_args().quick else 60
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("ss") is None:
        print("skipped: needs root and iproute2", file=sys.stderr)
        return 0
    held: dict[str, bool] = {}
    with tempfile.TemporaryDirectory(prefix="ps-", dir="/tmp") as name, hosts(Path(name)) as cluster:
        (cluster.folder / "sweep.yaml").write_text(SWEEP.format(epochs=epochs))
        reference = undisturbed(cluster, cluster.folder / "reference")
        cluster.start_head()
        wait_for("the head", lambda: cluster.run("pshead", NODE, "healthy", RAY_ADDRESS=HEAD).returncode == 0)
        jobs = ("ray", "job", "list", "--address", SERVER)
        wait_for("the job server", lambda: cluster.run("pshead", *jobs).returncode == 0)
        cluster.start_worker("pstwo")
        for check in (strangers_are_refused, nothing_listens_outside):
            held[check.__name__] = check(cluster, reference)
            print(check.__name__, "held" if held[check.__name__] else "BROKEN", flush=True)
        cluster.start_worker("psone")
        for check in (the_job_is_stopped, a_node_is_killed):
            held[check.__name__] = check(cluster, reference)
            print(check.__name__, "held" if held[check.__name__] else "BROKEN", flush=True)
    print(json.dumps({"benchmark": "cluster", **held}))
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
