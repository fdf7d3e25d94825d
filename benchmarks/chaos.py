"""Kill random workers and the driver of a sweep at random times, and check that its table comes out the same.

    python benchmarks/chaos.py [--kills 50] [--minutes 10] [--seed 0]

Each round is a whole sweep through local Ray in a new store. Its processes are killed (SIGKILL, SIGSEGV, SIGTERM), and
it is run again until it is done. Its tidy table (cells and result columns) must equal that of the undisturbed sweep
byte for byte, and no record that existed at a kill may be missing or different at the end. Linux only.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import prunesweep as ps
from orchestrator.planning.cells import CELLS
from workers.store.record import RESULT_COLUMNS

SWEEP = """\
version: 1
name: chaos
dataset: {name: synthetic, train_images: 400, test_images: 200, classes: 4, channels: 1, size: 8}
network: {name: mlp, hidden: [32, 16], dropout: 0.1, batch_norm: true}
recipe:
  duration: 40ep
  batch_size: 16
  optimizer: {name: SGD, lr: 0.05, momentum: 0.9}
  schedule: {name: piecewise, boundaries: [20ep], factor: 0.1}
  batch_norm_momentum: 0.1
grid:
  - technique: [fine_tuning, weight_rewinding, lr_rewinding]
    compression: [4, 8]
    budget: [50%, 100%]
    replicates: 2
  - {technique: lr_rewinding, iterative: {rounds: 3, rate: 50%}, budget: 50%, replicates: 2}
failures: {retries: {lost_worker: 1000}}
"""
WORKER_SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM)
DRIVER_SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)
DRIVER_SHARE = 0.2  # of the kills
GAP_SECONDS = (0.5, 6.0)  # between two kills, once there are workers
KILLS_A_ROUND = 18  # then it may finish: with workers that start slowly, it would never make progress
ROUND_SECONDS = 900.0
EXPECTED = (0, -signal.SIGKILL, 128 + signal.SIGTERM)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="the least number of kills (default 50)")
    parser.add_argument("--minutes", type=float, default=10.0, help="start no round after this time (default 10)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        sys.exit(run_rounds(Path(folder), arguments.kills, arguments.minutes * 60, random.Random(arguments.seed)))


def run_rounds(folder: Path, kills: int, seconds: float, dice: random.Random) -> int:
    (folder / "sweep.yaml").write_text(SWEEP)
    undisturbed = folder / "undisturbed"
    begun = time.monotonic()
    start(folder, undisturbed, "--in-process").wait()
    expected = table(undisturbed)
    print(f"undisturbed, in process: {time.monotonic() - begun:.0f} s, table {digest(expected)}", flush=True)
    total: Counter[str] = Counter()
    lost = different = rounds = 0
    begun = time.monotonic()
    while total.total() < kills and time.monotonic() - begun < seconds:
        rounds += 1
        store = folder / f"round-{rounds}"
        store.mkdir()
        shutil.copy(undisturbed / "store.json", store)
        shutil.copytree(undisturbed / "facts", store / "facts")  # describing data and network again takes seconds
        survived, missing = disturb(folder, store, dice)
        disturbed = table(store)
        total += survived
        lost += missing
        different += disturbed != expected
        print(
            f"round {rounds}: {survived.total()} kills, {missing} records lost, "
            f"table {digest(disturbed)} ({'the same' if disturbed == expected else 'DIFFERENT'}), "
            f"{time.monotonic() - begun:.0f} s in all",
            flush=True,
        )
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(total.items()))
    print(f"{total.total()} kills survived in {rounds} rounds ({kinds})")
    print(f"{lost} records lost, {different} tables different")
    return 0 if lost == different == 0 else 1


def disturb(folder: Path, store: Path, dice: random.Random) -> tuple[Counter[str], int]:
    """Run a sweep to its end, killing its processes meanwhile. Returns the kills, and how many records were lost."""
    kills: Counter[str] = Counter()
    seen: dict[str, str] = {}
    deadline = time.monotonic() + ROUND_SECONDS
    while True:
        driver = start(folder, store)
        try:
            while wait_for_victim(driver, dice.uniform(*GAP_SECONDS), deadline) and kills.total() < KILLS_A_ROUND:
                seen |= records(store)
                if (killed := kill_one(driver, dice)) is not None:
                    kills[killed] += 1
            driver.wait(max(0.0, deadline - time.monotonic()))
        finally:
            driver.kill()
        if driver.returncode not in EXPECTED:
            raise RuntimeError(f"the driver ended with {driver.returncode}:\n{(folder / 'log').read_text()[-3000:]}")
        if driver.returncode == 0:
            now = records(store)
            return kills, sum(now.get(name) != content for name, content in seen.items())


def wait_for_victim(driver: subprocess.Popen[bytes], seconds: float, deadline: float) -> bool:
    """Wait for some seconds, and until there are workers. Returns False once the driver has ended."""
    until = time.monotonic() + seconds
    while driver.poll() is None and (time.monotonic() < until or not workers_of(driver.pid)):
        time.sleep(0.05)
        if time.monotonic() > deadline:
            raise TimeoutError(f"the sweep is not done after {ROUND_SECONDS:.0f} s")
    return driver.poll() is None


def kill_one(driver: subprocess.Popen[bytes], dice: random.Random) -> str | None:
    """Send a signal to a worker or to the driver. Returns what was done, None if it was too late."""
    workers = workers_of(driver.pid)
    if not workers or dice.random() < DRIVER_SHARE:
        number = dice.choice(DRIVER_SIGNALS)
        driver.send_signal(number)
        driver.wait()
        return f"driver {number.name}"
    number = dice.choice(WORKER_SIGNALS)
    try:
        os.kill(dice.choice(workers), number)
    except ProcessLookupError:  # it has just ended
        return None
    return f"worker {number.name}"


def start(folder: Path, store: Path, *options: str) -> subprocess.Popen[bytes]:
    with open(folder / "log", "ab") as log:
        command = [sys.executable, "-m", "prunesweep", "run", "sweep.yaml", "--store", store.name]
        return subprocess.Popen(
            [*command, "--quiet", "--checkpoint-seconds", "0.5", *(options or ("--cpus", "2"))],
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def workers_of(driver: int) -> list[int]:
    """The processes of trials among the descendants of a driver, in the order of their ids."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                names[int(entry.name)] = (entry / "cmdline").read_bytes()
            except OSError:
                continue
    family = [driver]
    for parent in family:
        family += [pid for pid, above in parents.items() if above == parent]
    actors = (b"ray::TrialActor", b"ray::ResourceTrainable")  # Ray's names while waiting and while training
    return sorted(pid for pid in family if any(name in names.get(pid, b"") for name in actors))


def records(store: Path) -> dict[str, str]:
    return {path.name: digest(path.read_bytes()) for path in (store / "results").glob("[!.]*")}


def table(store: Path) -> bytes:
    """The columns of the tidy table that trials computed."""
    frame = ps.frame(store)
    columns = [name for name in frame.columns if name in RESULT_COLUMNS or name in CELLS.names]
    assert len(columns) > len(CELLS.names)
    return frame[columns].to_csv(index=False).encode()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


if __name__ == "__main__":
    main()
