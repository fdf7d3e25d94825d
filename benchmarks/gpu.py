"""One GPU shared by one, two and four trials at a time: trials an hour, and whether all ways give the same bits.

Steps recorded as a CUDA graph must also give the same bits as steps launched kernel by kernel. Bits are compared first,
in short trainings: an H100 takes about three minutes for that. The longer ones that follow, for speed, take about five
more, and `--quick` leaves them out.

The sweep is ResNet-20 on random images of CIFAR-10's shape. Trials on one GPU take turns unless NVIDIA's MPS runs.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

from measure import Figure, arguments, finish, prunesweep, rows_of, wait, write_sweep

from workers import schedules
from workers.trial import Dataset, Network, Recipe, Task, Trial

SHARING = (1, 2, 4)
"""How many trials run on the GPU at a time."""

BRIEF = {"epochs": 6, "techniques": ["fine_tuning"], "compressions": [4], "replicates": max(SHARING)}
"""As many dense trainings as ever run at a time, which begin together, and as many trials that retrain."""

LONG = {
    "epochs": 12,
    "techniques": ["fine_tuning", "weight_rewinding", "lr_rewinding", "reinitialization"],
    "compressions": [4, 16],
    "replicates": 1,
}
"""Trials that take longer than their start, for speed."""


def main() -> None:
    quick = arguments((__doc__ or "").splitlines()[0]).quick
    import torch

    if not torch.cuda.is_available():
        sys.exit("this benchmark needs a GPU, and torch finds none")
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as name:
        folder = Path(name)
        stores, digests = {}, []
        for trials in SHARING:
            stores[trials] = run(folder / f"brief{trials}", trials, BRIEF)
            digests.append(digests_in(stores[trials]))
            equal = "the same" if digests[-1] == digests[0] else "OTHER"
            at_once = most_at_once(stores[trials])
            print(f"{trials} at a time ({at_once} at once): {len(digests[-1])} states, {equal} bits", flush=True)
        differing = [task for task in tasks() if states(task, recorded=True) != states(task, recorded=False)]
        print(f"recorded trainings with other bits: {len(differing)}", flush=True)
        speed = {}
        for trials in SHARING:
            store = stores[trials] if quick else run(folder / f"long{trials}", trials, LONG)
            speed[trials] = trials_per_hour(store)
            print(f"trials an hour, {trials} at a time: {speed[trials]:,.0f}", flush=True)
    finish(
        "gpu",
        quick,
        [
            *(Figure(f"{trials} at a time", speed[trials], "trials/h") for trials in SHARING),
            *(Figure(f"{trials} at a time over one", speed[trials] / speed[1]) for trials in SHARING[1:]),
            Figure("states with the same bits in all", len(set.intersection(*digests)), "states", at_least=1),
            Figure("states with other bits", len(set.union(*digests) - set.intersection(*digests)), "", at_most=0),
            Figure("recorded trainings with other bits", len(differing), "", at_most=0),
        ],
    )


def tasks() -> list[Task]:
    """With running statistics, with rounding to bfloat16, and with dropout."""
    data = Dataset(name="synthetic", arguments={"train_images": 500, "test_images": 10, "channels": 3, "size": 32})
    resnet = Network(name="cifar_resnet", arguments={"depth": 20})
    perceptron = Network(name="mlp", arguments={"hidden": [64, 32], "dropout": 0.2, "batch_norm": True})
    recipe = Recipe(batch_size=128, optimizer="SGD", optimizer_arguments={"momentum": 0.9})
    return [
        Task(dataset=data, network=network, recipe=replace(recipe, precision=precision))
        for network, precision in ((resnet, "fp32"), (resnet, "tf32"), (resnet, "bf16"), (perceptron, "fp32"))
    ]


def states(task: Task, recorded: bool) -> list[str]:
    """The digests of the states after each of ten steps."""
    import torch

    from workers.data.loading import open_data
    from workers.training import trainer
    from workers.training.process import make_trainer

    device = torch.device("cuda")
    trial = Trial(task=task, replicate=0, stage="dense", rates=schedules.constant(0.1))
    with contextlib.nullcontext() if recorded else mock.patch.object(trainer, "is_graphable", return_value=False):
        training = make_trainer(trial, open_data(task.dataset, device), device)
    digests = []
    for _ in range(10):
        training.advance()
        digests.append(training.state().digest())
    return digests


def run(folder: Path, trials: int, length: dict[str, Any]) -> Path:
    """The store of the sweep after `trials` at a time have run."""
    folder.mkdir()
    file = write_sweep(folder / "sweep.yaml", sweep(**length) | {"resources": {"cpus": 1, "gpus": 1 / trials}})
    wait([prunesweep("run", file, "--store", folder / "store", "--gpus", "1", "--quiet")])
    return folder / "store"


def sweep(epochs: int, techniques: list[str], compressions: list[int], replicates: int) -> dict[str, Any]:
    return {
        "dataset": {"name": "synthetic", "train_images": 6_400, "test_images": 1_000, "channels": 3, "size": 32},
        "network": {"name": "cifar_resnet", "depth": 20},
        "recipe": {
            "duration": f"{epochs}ep",
            "batch_size": 128,
            "optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 2e-4},
            "schedule": {"name": "piecewise", "boundaries": ["50%"], "factor": 0.1},
            "crop_padding": 4,
            "horizontal_flip": True,
        },
        "grid": {
            "technique": techniques,
            "compression": compressions,
            "budget": "100%",
            "replicates": replicates,
        },
    }


def trials_per_hour(store: Path) -> float:
    """Of the trials that retrain; all of them wait for the dense network."""
    rows = [row for row in rows_of(store) if row["stage"] != "dense"]
    begin, end = min(row["started_at"] for row in rows), max(row["finished_at"] for row in rows)
    return len({row["trial"] for row in rows}) / (end - begin).total_seconds() * 3600


def most_at_once(store: Path) -> int:
    """How many trials ran at the same time at most."""
    times = {row["trial"]: (row["started_at"], row["finished_at"]) for row in rows_of(store)}.values()
    return max(sum(begin <= time < end for begin, end in times) for time, _ in times)


def digests_in(store: Path) -> set[tuple[str, int, str]]:
    """Of each record: its trial, step, and the digest of the whole state there."""
    return {(row["trial"], row["step"], row["state_digest"]) for row in rows_of(store)}


if __name__ == "__main__":
    main()
