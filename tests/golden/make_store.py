"""Makes a small store with this version: `python tests/golden/make_store.py tests/golden/store-v<version>`.

It runs once for each version of the layout or of a file in it. The stores are committed, and tests read them for ever.
"""

from __future__ import annotations

import socket
import sys

import prunesweep as ps
from orchestrator.sweep.spec import spec_from_dict
from workers.store import Store
from workers.store.failures import Failure

SWEEP = {
    "version": 1,
    "name": "golden",
    "dataset": {"name": "synthetic", "train_images": 60, "test_images": 30, "classes": 3, "channels": 1, "size": 4},
    "network": {"name": "mlp", "hidden": [6]},
    "recipe": {"duration": "4ep", "batch_size": 20, "optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.9}},
    "grid": {"technique": ["fine_tuning", "weight_rewinding"], "compression": 4, "budget": "50%", "replicates": 1},
}


def main(location: str) -> None:
    socket.gethostname = lambda: "golden"
    ps.run(spec_from_dict(SWEEP), location, options=ps.RunOptions(in_process=True, quiet=True))
    store = Store(location)
    store.failures.write("0" * 20, Failure(outcome="diverged", reason="loss is nan at step 3", step=3))
    for path in store.files.sizes("logs"):
        store.files.delete(path)


if __name__ == "__main__":
    main(sys.argv[1])
