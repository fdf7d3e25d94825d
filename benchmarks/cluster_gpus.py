"""How many trials of some resources a cluster places at once: `python benchmarks/cluster_gpus.py ADDRESS CPUS GPUS`."""

from __future__ import annotations

import sys
import time

import ray
from ray.util.placement_group import placement_group

from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.on_ray.capacity import placement_of, slots_of
from orchestrator.driver.on_ray.shapes import Shape, Shapes

SETTLED_SECONDS = 3.0


def main() -> None:
    """Print how many trials the driver expects, and for how many of twice as many Ray finds a place."""
    shape = Shape(cpus=float(sys.argv[2]), gpus=float(sys.argv[3]))
    ray.init(sys.argv[1], log_to_driver=False, logging_level="ERROR")
    expected = slots_of(Shapes(usual=shape), Interrupt())
    bundles = placement_of({"shape": {"CPU": shape.cpus, "GPU": shape.gpus}}).bundles
    waiting = [placement_group(bundles).ready() for _ in range(2 * expected)]
    placed: list[object] = []
    end = time.monotonic() + SETTLED_SECONDS
    while waiting and time.monotonic() < end:
        ready, waiting = ray.wait(waiting, timeout=0.5)
        placed += ready
        end = time.monotonic() + SETTLED_SECONDS if ready else end
    print(expected, len(placed))


if __name__ == "__main__":
    main()
