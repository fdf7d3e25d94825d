"""More of what `cluster.py` does: nodes that join, leave or cannot run the sweep, and a store in a bucket."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import cluster_bucket
import cluster_gpus
import numpy as np
from cluster_scene import Scene, undisturbed, wait_for_nodes
from sklearn.datasets import load_digits

from tests.support.hosts import PATIENCE, only_child
from tests.support.places import ROOT
from workers.machine.version import PACKAGES, VERSION

OWN_DATA = """\
version: 1
name: own-data
dataset: {{name: arrays, path: "{path}"}}
network: {{name: mlp, hidden: [16]}}
recipe:
  duration: 4ep
  batch_size: 50
  optimizer: {{name: SGD, lr: 0.1, momentum: 0.9}}
grid: {{technique: [fine_tuning], compression: [4], budget: 50%}}
"""

PICKY = """\
import torch
from torch import nn

class Picky(nn.Linear):
    def forward(self, images):
        if torch.backends.cpu.get_cpu_capability() == "DEFAULT":
            raise RuntimeError("needs vector instructions")
        return super().forward(images.flatten(1))

def build(*, input_shape, classes):
    return Picky(64, classes)
"""


def a_node_is_added(scene: Scene) -> str:
    """A node joins while the only other one runs trials: its CPU is used, and the job ends by itself."""
    cluster = scene.cluster
    cluster.power_off("two")
    wait_for_nodes(cluster, 2)
    job = scene.launch()
    with scene.frozen("one"):
        cluster.start_worker("two")
        scene.wait_for_trials("two")
    assert scene.end_of(job) == "SUCCEEDED"
    return scene.table()


def a_node_is_drained(scene: Scene) -> str:
    """Tell a node to stop, as `docker stop` does: its trial saves its state, continues elsewhere, and none begins."""
    cluster = scene.cluster
    cluster.power_off("one")
    wait_for_nodes(cluster, 2)
    node = cluster.start_worker("one", restarted=False)
    wait_for_nodes(cluster, 3)
    job = scene.launch()
    scene.wait_for_trials("one", "two")
    scene.wait_for_states(2)
    os.kill(only_child(node), signal.SIGTERM)
    node.wait(PATIENCE)
    cluster.power_off("one")
    assert scene.end_of(job) == "SUCCEEDED"
    there = [log for logs in scene.logs().values() for log in logs if "begins: host one" in log]
    assert "its node is being drained" in max(there), max(there)  # the newest, by the time of its first line
    return scene.table()


def unfit_nodes_are_named(scene: Scene) -> str:
    """A node without the store and one with another prunesweep are named in one table; one that joins is avoided."""
    cluster, other = scene.cluster, {"PYTHONPATH": str(another_version(scene.cluster.folder / "another version"))}
    cluster.power_off("two")
    wait_for_nodes(cluster, 2)
    cluster.start_worker("two", **other)
    wait_for_nodes(cluster, 3)
    scene.store.mkdir()
    cluster.run("one", "mount", "-t", "tmpfs", "tmpfs", scene.store)
    refused = cluster.run("head", *scene.driver())
    named = cluster.run("head", "prunesweep", "doctor", scene.place, "--address", cluster.head)
    cluster.run("one", "umount", "--lazy", scene.store)
    check_named(cluster.addresses, refused.stderr)
    check_named(cluster.addresses, named.stdout)
    assert (refused.returncode, named.returncode) == (2, 1)
    cluster.power_off("two")
    wait_for_nodes(cluster, 2)
    driver = scene.start_driver("head")
    avoided = f"node {cluster.addresses['two']} is avoided: prunesweep {VERSION}"
    with scene.frozen("one"):
        cluster.start_worker("two", **other)
        cluster.wait_for("the word on the newcomer", lambda: avoided in scene.said_on("head"))
    assert driver.wait(PATIENCE) == 0, scene.said_on("head")
    assert not any("begins: host two" in log for logs in scene.logs().values() for log in logs), "it ran trials"
    cluster.power_off("two")
    wait_for_nodes(cluster, 2)
    return scene.table()


def a_network_fails_on_one_kind(scene: Scene) -> str:
    """A network that fails on a node without vector instructions is refused, by file and line, before any trial."""
    cluster = scene.cluster
    cluster.power_off("two")
    wait_for_nodes(cluster, 2)
    cluster.start_worker("two", ATEN_CPU_CAPABILITY="default")
    wait_for_nodes(cluster, 3)
    (cluster.folder / "picky.py").write_text(PICKY)
    text = (cluster.folder / "own.yaml").read_text()
    (cluster.folder / "picky.yaml").write_text(text.replace("my_network:build", "picky:build"))
    refused = cluster.run("head", "prunesweep", "run", "picky.yaml", "--store", scene.store, "--address", cluster.head)
    assert refused.returncode == 2, refused.stderr
    for words in ("picky.yaml:", "needs vector instructions", f"node {cluster.addresses['two']}", "DEFAULT"):
        assert words in refused.stderr, refused.stderr
    assert not list(scene.store.glob("results/*")), "a trial was run"
    cluster.power_off("two")
    return scene.expected  # nothing was done to a sweep


def check_named(addresses: dict[str, str], said: str) -> None:
    """Both nodes must be named with what is wrong there, and no other."""
    lines = said.splitlines()
    reasons = {"one": "cannot use store", "two": f"prunesweep {VERSION}"}
    for host, reason in reasons.items():
        assert any(addresses[host] in line and reason in line for line in lines), said
    assert not any(addresses["head"] in line and "cannot" in line for line in lines), said


def another_version(folder: Path) -> Path:
    """A folder with prunesweep's packages, in which one module differs."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    with open(folder / "workers/seeds.py", "a") as module:
        module.write("# changed\n")
    return folder


def the_data_differ_on_a_node(scene: Scene) -> str:
    """A number of the data differs on one node, and the driver has just read its own: refused with the node's name."""
    cluster, path = scene.cluster, scene.cluster.own / "data.npz"
    own = {host: cluster.folder / f"own-{host}" / path.name for host in cluster.addresses}
    for host, file in own.items():
        write_digits(file, changed=host == "two")
    scene.sweep = "own-data.yaml"
    (cluster.folder / scene.sweep).write_text(OWN_DATA.format(path=path))
    scene.expected = undisturbed(cluster, "own-data-reference", scene.sweep)
    refused = cluster.run("head", *scene.driver())
    assert refused.returncode == 2, refused.stderr
    problem = f"node {cluster.addresses['two']} cannot run this sweep: the data have changed"
    assert problem in refused.stderr, refused.stderr
    write_digits(own["two"])
    return scene.run_to_the_end("head")


def write_digits(path: Path, changed: bool = False) -> None:
    """A data set of arrays: its first example is for training, and one of its numbers may be changed."""
    digits = load_digits()
    inputs = digits.data.astype("float32")
    inputs[0, 0] += changed
    parts = {"train": slice(1500), "test": slice(1500, None)}
    arrays = {f"{part}_inputs": inputs[rows] for part, rows in parts.items()}
    np.savez(path, **arrays, **{f"{part}_targets": digits.target[rows] for part, rows in parts.items()})


def the_store_is_a_bucket(scene: Scene) -> str:
    """The store of all hosts is in a bucket in their network; one of them loses its power in the middle of a trial."""
    cluster = scene.cluster
    address = cluster.addresses["head"]
    server = ("python", cluster_bucket.__file__, address, cluster_bucket.PORT, cluster.folder)
    cluster.start("head", *server, log="bucket", PYTHONPATH=str(ROOT))
    scene.bucket = f"s3://{cluster_bucket.BUCKET}/{scene.store.name}"
    job = scene.launch()
    scene.wait_for_trials("one", "two")
    scene.wait_for_states(2)
    cluster.power_off("one")
    assert scene.end_of(job) == "SUCCEEDED"
    lease = scene.store / "lease.json"  # empty once it is released
    cluster.wait_for("the last copy", lambda: lease.read_bytes() == b"")
    return scene.table()


def gpus_are_shared_as_asked(scene: Scene) -> str:
    """A node says that it has two GPUs: as many trials with parts of one or with both are placed as the driver expects.

    It has none, so a sweep that wants them is refused.
    """
    cluster = scene.cluster
    cluster.power_off("one")
    wait_for_nodes(cluster, 2)
    cluster.start_worker("one", "--num-cpus=8", "--num-gpus=2")
    wait_for_nodes(cluster, 3)
    for gpus, trials in {"0.25": 8, "0.5": 4, "1": 2, "2": 1}.items():
        words = ("python", cluster_gpus.__file__, cluster.head, "1", gpus)
        placed = cluster.run("head", *words, PYTHONPATH=str(ROOT))
        assert placed.stdout.split() == [str(trials)] * 2, (gpus, placed.stdout, placed.stderr)
    text = (cluster.folder / scene.sweep).read_text()
    (cluster.folder / "gpus.yaml").write_text(f"{text}resources: {{gpus: 1/4}}\n")
    refused = cluster.run("head", "prunesweep", "run", "gpus.yaml", "--store", scene.store, "--address", cluster.head)
    assert refused.returncode == 2, refused.stderr
    assert "offers 2 GPUs to Ray, but torch sees none" in refused.stderr, refused.stderr
    cluster.power_off("one")
    return scene.expected  # nothing was done to a sweep


NODE_SCENES: tuple[Callable[[Scene], str], ...] = (
    a_node_is_added,
    a_node_is_drained,
    unfit_nodes_are_named,
    a_network_fails_on_one_kind,
    the_data_differ_on_a_node,
    the_store_is_a_bucket,
    gpus_are_shared_as_asked,
)
