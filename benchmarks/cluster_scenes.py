"""What `cluster.py` does to a cluster: each function tries one thing, runs the sweep to its end, returns the table."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

from cluster_scene import SERVER, Scene, complete, undisturbed

from tests.support.hosts import NODE, PATIENCE

OWN_CODE = {
    "my_network.py": "from my_layers.sizes import HIDDEN\nfrom torch import nn\n\n"
    "def build(*, input_shape, classes):\n    return nn.Sequential(\n"
    "        nn.Flatten(), nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes))\n",
    "my_layers/sizes.py": "HIDDEN = 32\n",
}


def strangers_are_refused(scene: Scene) -> str:
    """A worker and a driver without the token, or with another one, must not take part."""
    cluster, wrong = scene.cluster, {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    cluster.power_off("one")
    without = cluster.run("one", NODE, "worker", "--block", RAY_ADDRESS=cluster.head, RAY_AUTH_TOKEN="")
    driver = cluster.run("two", *scene.driver(), **wrong)
    plain = cluster.run("two", "prunesweep", "doctor", "--address", cluster.head, RAY_AUTH_MODE="disabled")
    stranger = cluster.start_worker("one", restarted=False, **wrong)
    assert stranger.wait(PATIENCE) != 0
    assert (without.returncode, driver.returncode, plain.returncode) == (2, 2, 1), driver.stderr + plain.stdout
    assert "refuses the token" in driver.stderr, driver.stderr
    assert "refuses the token" in plain.stdout, plain.stdout
    cluster.start_worker("one")
    return scene.run_to_the_end("two")


def nothing_listens_outside(scene: Scene) -> str:
    """The job server must not listen on the network, nor anything of the cluster on this machine itself."""
    address = scene.cluster.addresses["head"]
    reached = scene.cluster.run(
        "two", "python", "-c", f"import socket; socket.create_connection(('{address}', 8265), 5)"
    )
    assert "ConnectionRefusedError" in reached.stderr, reached.stderr
    listed = subprocess.run(["ss", "-ltnH"], capture_output=True, text=True, check=True).stdout
    assert not re.search(r":(6379|8265)\b", listed), listed
    return scene.expected  # nothing was done to a sweep


def own_code_travels(scene: Scene) -> str:
    """Launch a sweep with a network of the user's own, whose modules only the submitter has."""
    for name, text in OWN_CODE.items():
        path = scene.cluster.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    scene.sweep = "own.yaml"
    scene.expected = undisturbed(scene.cluster, "own-reference", scene.sweep)
    job = scene.launch()
    for name in OWN_CODE:
        (scene.cluster.folder / name).unlink()
    assert scene.end_of(job) == "SUCCEEDED", scene.cluster.run("head", "ray", "job", "logs", "--address", SERVER, job)
    return scene.table()


def the_job_is_stopped(scene: Scene) -> str:
    """Stop the job: running trials must save their states, and a second job must end the sweep."""
    job = scene.launch()
    scene.wait_for_trials("one", "two")
    scene.wait_for_states(2)
    scene.cluster.run("head", "ray", "job", "stop", "--address", SERVER, job)
    assert scene.end_of(job) == "STOPPED"
    scene.check_interrupted()
    assert scene.end_of(scene.launch()) == "SUCCEEDED"
    return scene.table()


def a_node_is_killed(scene: Scene) -> str:
    """Power off one of two nodes in the middle of its trial; the job must end by itself."""
    job = scene.launch()
    scene.wait_for_trials("one", "two")
    scene.cluster.power_off("one")
    assert scene.end_of(job) == "SUCCEEDED"
    return scene.table()


def a_node_is_cut_off(scene: Scene) -> str:
    """Cut a node off for longer than Ray waits for it: its trial runs twice, and the sweep ends by itself."""
    driver = scene.start_driver("two")
    scene.wait_for_trials("one", "two")
    scene.cluster.connect("one", False)
    time.sleep(60)
    scene.cluster.connect("one")
    assert driver.wait(PATIENCE) == 0, scene.said_on("two")
    twice = [logs for logs in scene.logs().values() if len(logs) > 1]
    both = sum(all("ends: done" in log for log in logs) for logs in twice)
    print(f"  began again elsewhere: {len(twice)}, of which reached their end in both places: {both}", flush=True)
    return scene.table()


def the_head_is_started_again(scene: Scene) -> str:
    """Power off the head: the driver on another host must end with 75 and a hint. The new head gets the old nodes."""
    driver = scene.start_driver("two")
    scene.wait_for_trials("one", "two")
    begun = time.monotonic()
    scene.cluster.power_off("head")
    assert driver.wait(PATIENCE) == 75, scene.said_on("two")
    print(f"  the driver ended after {time.monotonic() - begun:.0f} s", flush=True)
    assert f"prunesweep resume {scene.store}" in scene.said_on("two"), scene.said_on("two")
    complete(scene.cluster)
    return scene.run_to_the_end("one")


def two_drivers(scene: Scene) -> str:
    """A second driver on another host is refused; after a power failure of the first one's host it takes over."""
    first = scene.start_driver("one")
    scene.wait_for_trials("one", "two")
    with scene.frozen("one"):
        begun = time.monotonic()
        second = scene.cluster.run("two", *scene.driver())
    print(f"  refused after {time.monotonic() - begun:.0f} s", flush=True)
    assert (second.returncode, "one" in second.stderr) == (4, True), second.stderr
    scene.cluster.power_off("one")
    assert first.wait(PATIENCE) != 0
    begun = time.monotonic()
    shown = scene.run_to_the_end("two")
    print(f"  took over and ended after {time.monotonic() - begun:.0f} s", flush=True)
    return shown


def the_store_is_full(scene: Scene) -> str:
    """Fill the store's file system: the sweep pauses, no trial fails, and with room again it ends by itself."""
    scene.store = scene.cluster.folder / "small" / scene.store.name
    driver = scene.start_driver("two")
    scene.wait_for_trials("one", "two")
    ballast = scene.cluster.folder / "small" / "ballast"
    with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    scene.cluster.wait_for("the pause", lambda: "trying again in" in scene.said_on("two"))
    ballast.unlink()
    assert driver.wait(PATIENCE) == 0, scene.said_on("two")
    return scene.table()


def a_node_cannot_write(scene: Scene) -> str:
    """The store is read-only on one node for a while: the sweep pauses, no trial fails, and it ends by itself."""
    driver = scene.start_driver("two")
    scene.wait_for_trials("one", "two")
    scene.cluster.run("one", "mount", "--bind", scene.store, scene.store)
    scene.cluster.run("one", "mount", "-o", "remount,bind,ro", scene.store)
    scene.cluster.wait_for("the pause", lambda: "trying again in" in scene.said_on("two"))
    scene.cluster.run("one", "umount", "--lazy", scene.store)
    ended = driver.wait(PATIENCE)
    print(f"  the driver ended with {ended}", flush=True)
    assert ended == 0, scene.said_on("two")
    return scene.table()


def the_terminal_is_closed(scene: Scene) -> str:
    """Close the terminal from which the driver was started: exit code 129, all states saved, no lease left."""
    code = scene.cluster.folder / "code"
    words = " ".join(map(str, scene.driver()))
    shell = ["sh", "-c", f"trap : HUP; {words}; echo $? > {code}"]
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # `nohup`, and a session without a terminal, leave it ignored
        os.chdir(scene.cluster.folder)
        command = scene.cluster.command("two", *shell)
        os.execvpe(command[0], command, scene.cluster.environment())
    with reading(terminal):
        scene.wait_for_trials("one", "two")
        scene.wait_for_states(2)
    os.close(terminal)
    scene.cluster.wait_for("the end of the driver", lambda: code.exists() and code.read_text().endswith("\n"))
    assert code.read_text() == "129\n", f"exit code {code.read_text().strip()}"
    scene.check_interrupted()
    return scene.run_to_the_end("one")


@contextlib.contextmanager
def reading(terminal: int) -> Iterator[None]:
    """Read what is written to a terminal in the block, so that nobody waits for it."""
    with subprocess.Popen(["cat"], stdin=terminal, stdout=subprocess.DEVNULL) as reader:
        yield
        reader.kill()


SCENES: tuple[Callable[[Scene], str], ...] = (
    strangers_are_refused,
    nothing_listens_outside,
    own_code_travels,
    the_job_is_stopped,
    a_node_is_killed,
    a_node_is_cut_off,
    two_drivers,
    the_store_is_full,
    a_node_cannot_write,
    the_terminal_is_closed,
    the_head_is_started_again,
)
