"""Ray Tune with two slots, compared in turns with two in-process runners (a thread each) and with one slot."""

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
        one, two = one_and_two_slots(Path(folder), trials=20 if quick else 40, turns=1 if quick else 2)
    finish(
        "overhead",
        quick,
        [
            Figure("sleeping trials after a dense one, one slot over two", one / two, at_least=1.4 if quick else 1.7),
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


def one_and_two_slots(folder: Path, trials: int, turns: int) -> tuple[float, float]:
    """Seconds that a sweep of one replicate takes with one slot and with two: all trials wait for the dense one."""
    file = write_sweep(folder / "sleeping.yaml", sleeping_trials(trials))
    seconds = {1: 0.0, 2: 0.0}
    for turn in range(turns):
        for slots in seconds:
            store = folder / f"sleeping-{turn}-{slots}"
            words = ["run", file, "--store", store, "--cpus", str(slots), "--quiet"]
            wait([prunesweep(*words, folder=Path(__file__).parent)])
            seconds[slots] += work_in(store).seconds
            logs = [log.name for log in (store / "logs").glob("*/*.log")]
            assert logs == ["0001.log"] * (trials + 1)  # one attempt each, no process started in vain
    return seconds[1], seconds[2]


def sleeping_trials(count: int) -> dict[str, Any]:
    """Trials of three seconds that need no CPU, so that a busy machine does not disturb the ratio."""
    return {
        "dataset": {"name": "synthetic", "train_images": 20, "test_images": 10, "classes": 2, "channels": 1, "size": 4},
        "network": {"name": "sleeping:sleeping", "seconds": 0.3},
        "recipe": {"duration": "10it", "batch_size": 10, "optimizer": {"name": "SGD", "lr": 0.1}},
        "grid": [
            {
                "technique": "weight_rewinding",
                "compression": [1 + number / 40 for number in range(1, count + 1)],
                "budget": "10it",
            }
        ],
    }


def ratio(pairs: list[Pair]) -> float:
    return sum(pair.ray.seconds for pair in pairs) / sum(pair.in_process.seconds for pair in pairs)


if __name__ == "__main__":
    main()
