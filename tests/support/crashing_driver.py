"""A process with torch loaded that forks a child for each line `store setting` and writes how the child ended.

The child drives a tiny sweep in its own process, and dies at the crash point that the setting names (`-`: nowhere).
In the sweep one trial fails, and is asked to run again.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile

import prunesweep as ps
from orchestrator.driver.options import RunOptions
from orchestrator.sweep.spec import spec_from_dict
from workers import crashpoints
from workers.store.store import Store

RECIPE = {"duration": "4ep", "batch_size": 16, "optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.9}}
DIVERGING = RECIPE | {"name": "diverging", "optimizer": {"name": "SGD", "lr": 1e30}}
SWEEP = {
    "version": 1,
    "name": "tiny",
    "dataset": {"name": "synthetic", "train_images": 80, "test_images": 40, "classes": 4, "channels": 1, "size": 6},
    "network": {"name": "mlp", "hidden": [16, 12]},
    "recipe": [RECIPE | {"name": "good"}, DIVERGING],
    "grid": {"technique": "lr_rewinding", "compression": 4, "budget": ["50%", "100%"], "replicates": 1},
}
OPTIONS = RunOptions(in_process=True, quiet=True, checkpoint_seconds=0, retry=("all",))


def drive(location: str) -> None:
    ps.run(spec_from_dict(SWEEP), location, options=OPTIONS)


def _child(location: str, setting: str) -> int:
    logging.disable()
    if setting != "-":
        crashpoints.arm(setting)
    try:
        drive(location)
    except crashpoints.Crash:
        return 1
    return 0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        drive(f"{folder}/store")  # torch imports much only when it is first used
        assert len(Store(f"{folder}/store").failures()) == 1
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_child(*line.split()))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
