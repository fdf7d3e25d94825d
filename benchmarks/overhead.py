"""Ray Tune with two slots, compared with two in-process runners: the same trials with a thread each, in turns."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from measure import Figure, Work, arguments, finish, prunesweep, wait, work_in, write_sweep

REPLICATES = 2  # one for each of the two in-process runners


class Pair(NamedTuple):
    """The same sweep run both ways, one after the other. Start-up (seconds) lasts until the first trial starts."""

    ray: Work
    in_process: Work
    ray_start_up: float
    in_process_start_up: float


def main() -> None:
    quick = arguments(__doc__ or "").quick
    with tempfile.TemporaryDirectory(prefix="prunesweep-") as folder:
        short = compare(Path(folder), short_trials(quick), pairs=1 if quick else 3)
        long = compare(Path(folder), long_trials(quick), pairs=1 if quick else 2)
    finish(
        "overhead",
        quick,
        [
            Figure("short trials, Ray over in-process", ratio(short), at_most=1.25),
            Figure("long trials, Ray over in-process", ratio(long), at_most=1.05),
            Figure("short trials", short[0].ray.trials, "trials"),
            Figure("long trials", long[0].ray.trials, "trials"),
            Figure("shortest long trial", min(pair.in_process.shortest_trial for pair in long), "s"),
            Figure("start-up of Ray, until the first trial", min(pair.ray_start_up for pair in short + long), "s"),
            Figure("start-up in-process", min(pair.in_process_start_up for pair in short + long), "s"),
        ],
    )


def short_trials(quick: bool) -> dict[str, Any]:
    """Trials of the demo, one to two seconds each."""
    techniques = ["fine_tuning", "weight_rewinding", "lr_rewinding", "low_lr_weight_rewinding", "reinitialization"]
    grid = {"technique": techniques, "compression": [4, 16], "budget": ["50%", "90%"]}
    return sweep(epochs=16, grid=grid if not quick else grid | {"compression": 4, "budget": "90%"})


def long_trials(quick: bool) -> dict[str, Any]:
    """Trials of at least ten seconds."""
    techniques = ["weight_rewinding"] if quick else ["weight_rewinding", "lr_rewinding", "low_lr_weight_rewinding"]
    return sweep(epochs=240, grid={"technique": techniques, "compression": 4, "budget": "100%"})


def sweep(epochs: int, grid: dict[str, Any]) -> dict[str, Any]:
    return {
        "dataset": "digits",
        "network": {"name": "resnet8", "width": 8},
        "recipe": {
            "duration": f"{epochs}ep",
            "batch_size": 128,
            "optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 2e-4},
            "schedule": {
                "name": "piecewise",
                "boundaries": [f"{epochs // 2}ep", f"{epochs * 3 // 4}ep"],
                "factor": 0.1,
            },
            "batch_norm_momentum": 0.1,
        },
        "grid": [grid | {"replicates": REPLICATES}],
    }


def compare(folder: Path, sweep: dict[str, Any], pairs: int) -> list[Pair]:
    measured = []
    for number in range(pairs):
        where = Path(tempfile.mkdtemp(prefix=f"pair{number}-", dir=folder))
        file = write_sweep(where / "overhead.yaml", sweep)
        begin = time.time()
        wait([prunesweep("run", file, "--store", where / "ray", "--cpus", "2", "--quiet")])
        ray = work_in(where / "ray")
        ray_start_up = ray.begin - begin
        begin = time.time()
        stores = [where / f"runner{replicate}" for replicate in range(REPLICATES)]
        wait(
            [
                prunesweep("run", file, "--store", store, "--only", f"replicate={replicate}", "--in-process", "--quiet")
                for replicate, store in enumerate(stores)
            ]
        )
        in_process = work_in(*stores)
        assert ray.trials == in_process.trials
        measured.append(Pair(ray, in_process, ray_start_up, in_process.begin - begin))
    return measured


def ratio(pairs: list[Pair]) -> float:
    return sum(pair.ray.seconds for pair in pairs) / sum(pair.in_process.seconds for pair in pairs)


if __name__ == "__main__":
    main()
