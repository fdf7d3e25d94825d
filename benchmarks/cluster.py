"""A cluster of three hosts on one machine, started by `docker/entrypoint.sh`: what is done to it, and the same table.

    python benchmarks/cluster.py [--quick] [--only NAME ...]

Each host is a network namespace with its own address and name; all share one folder. Needs root, Debian's `iproute2`
and the extras `cluster` and `dev`. After whatever is done to the cluster, the sweep is run to its end: its table must
be that of the undisturbed sweep, and no trial may have failed, or be trained again after it was done. Exits with 1 if a
promise is broken.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cluster_bucket
from cluster_node_scenes import NODE_SCENES
from cluster_scene import Scene, complete, undisturbed
from cluster_scenes import SCENES, a_node_is_cut_off

from tests.support.hosts import hosts, missing

SMALL = "200m"  # a store that is soon full; before a trial starts, 64 MB must be free

SWEEP = """\
version: 1
name: digits
dataset: digits
network: {network}
recipe:
  duration: {epochs}ep
  batch_size: 50
  optimizer: {{name: SGD, lr: 0.1, momentum: 0.9}}
  schedule: {{name: piecewise, boundaries: [50%], factor: 0.1}}
  batch_norm_momentum: 0.1
grid: {{technique: [fine_tuning, lr_rewinding], compression: [4, 16], budget: 50%, replicates: {replicates}}}
"""


def tried(scene: Scene, act: Callable[[Scene], str]) -> str:
    """What is broken after a scene, or nothing."""
    try:
        assert act(scene) == scene.expected, "another table"
        assert not list(scene.store.glob("failures/*")), "a trial has failed"
        assert not list(scene.store.glob("conflicts/*")), "two results of one trial differ"
        if act is not a_node_is_cut_off:
            done = [sum("ends: done" in log for log in logs) for logs in scene.logs().values()]
            assert max(done, default=1) <= 1, "a trial that was done was trained again"
    except (AssertionError, TimeoutError) as error:
        return str(error) or "?"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter trials")
    scenes = (*NODE_SCENES, *SCENES)
    parser.add_argument("--only", nargs="+", choices=[scene.__name__ for scene in scenes], help="some of the scenes")
    arguments = parser.parse_args()
    if reason := missing():
        print(f"skipped: {reason}", file=sys.stderr)
        return 0
    epochs = 40 if arguments.quick else 60
    broken: dict[str, str] = {}
    with hosts("head", "one", "two") as cluster, small_file_system(cluster.folder / "small"):
        cluster.variables = cluster_bucket.variables(cluster.addresses["head"])
        network = "{name: resnet8, width: 8}"
        own = SWEEP.format(network='"my_network:build"', epochs=4, replicates=1)
        (cluster.folder / "own.yaml").write_text(own)
        (cluster.folder / "sweep.yaml").write_text(SWEEP.format(network=network, epochs=epochs, replicates=2))
        expected = undisturbed(cluster, "reference", "sweep.yaml")
        cluster.power_off("head")
        for act in scenes:
            if arguments.only and act.__name__ not in arguments.only:
                continue
            complete(cluster)
            begun = time.monotonic()
            broken[act.__name__] = tried(Scene(cluster, cluster.folder / act.__name__, expected=expected), act)
            verdict = f"BROKEN: {broken[act.__name__]}" if broken[act.__name__] else "held"
            print(f"{act.__name__} ({time.monotonic() - begun:.0f} s) {verdict}", flush=True)
    print(json.dumps({"benchmark": "cluster", **{name: not reason for name, reason in broken.items()}}))
    return 1 if any(broken.values()) else 0


@contextlib.contextmanager
def small_file_system(folder: Path) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


if __name__ == "__main__":
    sys.exit(main())
