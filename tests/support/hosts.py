"""Several hosts on one machine: namespaces, each with its own name, address and processes, which share all files but
one folder. Ray is started there by `docker/entrypoint.sh`. Needs root and Debian's `iproute2`.

All of them hang on one bridge, in a namespace as well, so that nothing of this is seen from elsewhere on the machine.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.support.places import ROOT

NODE = ROOT / "docker" / "entrypoint.sh"
RESTARTED = ("sh", "-c", 'until "$0" "$@"; do sleep 2; done')  # as Compose does: Ray gives a node 30 s to start
PATIENCE = 600.0  # seconds: the machine may have much else to do
LOST_SOON = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "3",
}
"""Ray's head misses a node after about 12 s without an answer, instead of a minute."""

_STARTED = "Ray runtime started."
_SWITCH = "switch"
_BOOT = 'hostname "$1" && mount --bind "$2" "$3" && touch "$3/booted" && sleep infinity & wait'
"""What a host's first process does; it also buries those that have lost their parent, which `sleep` alone would not."""


def missing() -> str:
    """What keeps this machine from having hosts, or nothing."""
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which("ip") is None:
        return "needs iproute2"
    name = f"ps{os.getpid()}-try"
    added = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return added.stderr.strip()


def only_child(process: subprocess.Popen[bytes]) -> int:
    """The process id of the only child of a process."""
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())


class Hosts:
    """Hosts by name, and the processes that were started on them.

    `folder` is shared; of `own`, a folder in it, each host has another one. `variables` are more environment variables.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder = folder
        self.own = folder / "own"
        self.programs = folder / "programs"
        self.addresses = {name: f"10.77.0.{number}" for number, name in enumerate(names, 2)}
        self.head = f"{self.addresses[names[0]]}:6379"
        self.token = secrets.token_hex(32)
        self.variables: dict[str, str] = {}
        self._booted: dict[str, subprocess.Popen[bytes]] = {}
        self._started: list[subprocess.Popen[bytes]] = []

    def environment(self, **changes: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "PRUNESWEEP_"))}
        own = {"RAY_AUTH_TOKEN": self.token, "RAY_AUTH_MODE": "token", "NO_COLOR": "1", "HOME": str(self.folder)}
        own["RAY_TMPDIR"] = str(self.own)  # where Ray notes the address of the cluster of a machine
        own["PATH"] = f"{self.programs}:{Path(sys.executable).parent}:{kept['PATH']}"
        return kept | own | LOST_SOON | {"RAY_worker_niceness": "0"} | self.variables | changes

    def namespace(self, host: str) -> str:
        return f"ps{os.getpid()}-{host}"

    def command(self, host: str, *words: object) -> list[str]:
        """Words of a command that runs on a host, in the shared folder."""
        target = f"--target={self._first_process(host)}"
        there = ["sh", "-c", 'cd "$0" && exec "$@"', str(self.folder), *map(str, words)]
        return ["nsenter", target, "--net", "--uts", "--pid", "--mount", *there]

    def _first_process(self, host: str) -> int:
        """The process on a host that all others there live and die with; it is started if the host is off."""
        if host not in self._booted:
            own = self.folder / f"own-{host}"
            (own / "booted").unlink(missing_ok=True)
            apart = ["unshare", "--uts", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
            words = [*apart, "bash", "-c", _BOOT, "bash", host, str(own), str(self.own)]
            with open(self.folder / f"{host}.log", "ab") as printed:
                begun = ["ip", "netns", "exec", self.namespace(host), *words]
                self._booted[host] = subprocess.Popen(begun, stderr=printed, start_new_session=True)
            self.wait_for(f"host {host}", (own / "booted").exists)
        return only_child(self._booted[host])

    def start(self, host: str, *words: object, log: str = "", **changes: str) -> subprocess.Popen[bytes]:
        """Start a command in the shared folder; what it prints is added to a file there, named `log` or as the host."""
        with open(self.folder / f"{log or host}.log", "ab") as printed:
            process = subprocess.Popen(
                self.command(host, *words),
                env=self.environment(**changes),
                stdout=printed,
                stderr=printed,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def run(self, host: str, *words: object, **changes: str) -> subprocess.CompletedProcess[str]:
        command = self.command(host, *words)
        environment = self.environment(**changes)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def start_head(self, host: str, *words: object, cpus: int = 0) -> None:
        """Start Ray's head, with more options of `ray start`, and wait until it has started."""
        before = self.starts(host)
        self.start(host, *RESTARTED, NODE, "head", "--block", f"--num-cpus={cpus}", *self._place(host), *words)
        self.wait_for("the head", lambda: self.starts(host) > before)

    def start_worker(
        self, host: str, *words: object, restarted: bool = True, **changes: str
    ) -> subprocess.Popen[bytes]:
        """Start Ray on a machine with one CPU for trials, with more options of `ray start`."""
        around = RESTARTED if restarted else ()
        command = [*around, NODE, "worker", "--block", "--num-cpus=1", *self._place(host), *words]
        return self.start(host, *command, RAY_ADDRESS=self.head, **changes)

    def _place(self, host: str) -> list[object]:
        port = self.head.rpartition(":")[2]
        address = ["--node-ip-address", self.addresses[host], "--temp-dir", self.own / host]
        return [*address, "--port", port] if self.head.startswith(f"{self.addresses[host]}:") else address

    def starts(self, host: str) -> int:
        """How often Ray has started on a host, and joined the cluster."""
        log = self.folder / f"{host}.log"
        return log.read_text().count(_STARTED) if log.exists() else 0

    def is_on(self, host: str) -> bool:
        """Whether anything was started on a host since it was last powered off."""
        return host in self._booted

    def power_off(self, host: str) -> None:
        """End everything on a host at once, as a power failure does. The next command there starts it again."""
        if host in self._booted:
            parent = self._booted.pop(host)
            parent.kill()  # its child, the first process, is then killed too, and all others with that
            parent.wait()

    def connect(self, host: str, connected: bool = True) -> None:
        """Plug the cable of a host in, or pull it out."""
        self._ip("-n", self.namespace(_SWITCH), "link", "set", f"to-{host}", "up" if connected else "down")

    def wait_for(self, what: str, done: Callable[[], bool], seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds:.0f} s: {what}")
            time.sleep(0.2)

    def add(self) -> None:
        """Make the hosts and the bridge between them, which has an address too."""
        switch = self.namespace(_SWITCH)
        self.own.mkdir()
        self.programs.mkdir()
        ray = self.programs / "ray"  # of this Python, wherever its environment has its packages from
        ray.write_text(f"#!{sys.executable}\nfrom ray.scripts.scripts import main\n\nmain()\n")
        ray.chmod(0o755)
        self._ip("netns", "add", switch)
        self._ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        self._ip("-n", switch, "addr", "add", "10.77.0.1/24", "dev", "bridge")
        self._ip("-n", switch, "link", "set", "bridge", "up")
        for host, address in self.addresses.items():
            (self.folder / f"own-{host}").mkdir()
            space = self.namespace(host)
            self._ip("netns", "add", space)
            self._ip("-n", switch, "link", "add", f"to-{host}", "type", "veth", "peer", "name", "eth0", "netns", space)
            self._ip("-n", switch, "link", "set", f"to-{host}", "master", "bridge", "up")
            self._ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                self._ip("-n", space, "link", "set", device, "up")
            self._ip("-n", space, "route", "add", "default", "via", "10.77.0.1")  # by which Ray finds a host's address

    def remove(self) -> None:
        for host in (*self.addresses, _SWITCH):
            self.power_off(host)
            subprocess.run(["ip", "netns", "del", self.namespace(host)], capture_output=True, check=False)
        for process in self._started:
            process.wait(PATIENCE)

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True)


@contextlib.contextmanager
def hosts(*names: str) -> Iterator[Hosts]:
    """Hosts for the time of the block; on the first of them Ray's head is to run."""
    with tempfile.TemporaryDirectory(prefix="ps-", dir="/tmp") as folder:  # the paths of sockets must be short
        machines = Hosts(Path(folder), names)
        try:
            machines.add()
            yield machines
        finally:
            machines.remove()
