"""One GPU shared by one, two and four trials at a time: trials an hour, and whether all ways give the same bits.

The sweep is ResNet-20 on random images of CIFAR-10's shape. Trials on one GPU take turns unless NVIDIA's MPS runs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import Figure, arguments, finish, prunesweep, wait, write_sweep

from workers.store import Store

SHARING = (1, 2, 4)
"""How many trials run on the GPU at a time."""


def main() -> None:
    quick = arguments((__doc__ or "").splitlines()[0]).quick
    import torch

    if not torch.cuda.is_available():
        sys.exit("this benchmark needs a GPU, and torch finds none")
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as folder:
        speed, digests = {}, []
        for trials in SHARING:
            store = run(Path(folder), trials, quick)
            speed[trials] = trials_per_hour(store)
            digests.append(digests_in(store))
            print(f"speed with {trials} at a time: {speed[trials]:,.0f}", flush=True)
    finish(
        "gpu",
        quick,
        [
            *(Figure(f"{trials} at a time", speed[trials], "trials/h") for trials in SHARING),
            *(Figure(f"{trials} at a time over one", speed[trials] / speed[1]) for trials in SHARING[1:]),
            Figure("states with the same bits in all", len(set.intersection(*digests)), "states"),
            Figure("states with other bits", len(set.union(*digests) - set.intersection(*digests)), "", at_most=0),
        ],
    )


def run(folder: Path, trials: int, quick: bool) -> Path:
    """The store of the sweep after `trials` at a time have run."""
    file = write_sweep(folder / f"share{trials}.yaml", sweep(quick) | {"resources": {"cpus": 1, "gpus": 1 / trials}})
    store = folder / f"store{trials}"
    wait([prunesweep("run", file, "--store", store, "--gpus", "1", "--quiet")])
    return store


def sweep(quick: bool) -> dict[str, Any]:
    epochs = 2 if quick else 8
    return {
        "dataset": {"name": "synthetic", "train_images": 6_400, "test_images": 1_000, "channels": 3, "size": 32},
        "network": {"name": "cifar_resnet", "depth": 20},
        "recipe": {
            "duration": f"{epochs}ep",
            "batch_size": 128,
            "optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 2e-4},
            "schedule": {"name": "piecewise", "boundaries": [f"{epochs // 2}ep"], "factor": 0.1},
            "crop_padding": 4,
            "horizontal_flip": True,
        },
        "grid": [
            {
                "technique": ["fine_tuning", "weight_rewinding", "lr_rewinding", "reinitialization"],
                "compression": [4, 16],
                "budget": "100%",
            }
        ],
    }


def trials_per_hour(store: Path) -> float:
    """Of the trials that retrain; all of them wait for the dense network."""
    rows = [row for row in Store(store).records.read_all().table.to_pylist() if row["stage"] != "dense"]
    begin, end = min(row["started_at"] for row in rows), max(row["finished_at"] for row in rows)
    return len({row["trial"] for row in rows}) / (end - begin).total_seconds() * 3600


def digests_in(store: Path) -> set[tuple[str, int, str]]:
    """Of each record: its trial, step, and the digest of the whole state there."""
    rows = Store(store).records.read_all().table.to_pylist()
    return {(row["trial"], row["step"], row["state_digest"]) for row in rows}


if __name__ == "__main__":
    main()
