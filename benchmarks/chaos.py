"""Kill random processes of a sweep at random times, and check that its table comes out the same.

    python benchmarks/chaos.py [--kills 50] [--minutes 10] [--seed 0]

Each round is a whole sweep through local Ray in a new store. Its processes (workers, the driver, its supervisor, and
Ray's own: raylet, GCS, agents) are killed, and it is run again until it is done. Its tidy table (cells and result
columns) must equal that of the undisturbed sweep byte for byte, no record that existed at a kill may be missing or
different at the end, and every ending must have a documented exit code and say how to continue. Linux only.
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
from workers.store import Store
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
TERM, KILL, SEGV = signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV
VICTIMS = {  # of each kind: its share of the kills, the signals, and what its command line has
    "worker": (0.6, (KILL, SEGV, TERM), (b"ray::TrialActor", b"ray::ResourceTrainable")),  # waiting, and training
    "driver": (0.12, (KILL, SEGV, TERM), (b"prunesweep\0run",)),
    "supervisor": (0.08, (KILL, TERM), ()),
    "raylet": (0.08, (KILL,), (b"raylet/raylet",)),
    "GCS": (0.06, (KILL,), (b"gcs/gcs_server",)),
    "agent": (0.06, (KILL,), (b"ray::DashboardAgent", b"ray::RuntimeEnvAgent")),
}
GAP_SECONDS = (0.5, 6.0)  # between two kills, once there are workers
KILLS_A_ROUND = 18  # then it may finish: with workers that start slowly, it would never make progress
ROUND_SECONDS = 1800.0  # a trial that is killed again and again waits up to 5 minutes before each retry
ENDING_SECONDS = 120.0  # more is a hang
EXPECTED = (75, 128 + TERM)  # endings that must say how to continue


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
        wait_for_release(store, deadline)
        said = (folder / "log").read_text()[-3000:]
        if driver.returncode not in (0, -KILL) and (
            driver.returncode not in EXPECTED or "Continue with:" not in said.rstrip().rpartition("\n")[2]
        ):
            raise RuntimeError(f"the driver ended with {driver.returncode}:\n{said}")
        if driver.returncode == 0:
            now = records(store)
            return kills, sum(now.get(name) != content for name, content in seen.items())


def wait_for_victim(driver: subprocess.Popen[bytes], seconds: float, deadline: float) -> bool:
    """Wait until there are workers, and then for some seconds. Returns False once the driver has ended."""
    until = None
    while driver.poll() is None and (until is None or time.monotonic() < until):
        if until is None and processes_of(driver.pid, "worker"):
            until = time.monotonic() + seconds
        time.sleep(0.05)
        if time.monotonic() > deadline:
            raise TimeoutError(f"the sweep is not done after {ROUND_SECONDS:.0f} s")
    return driver.poll() is None


def wait_for_release(store: Path, deadline: float) -> None:
    """A driver whose supervisor was killed stops by itself, and takes a moment to save."""
    while (store / "lease.json").exists():
        time.sleep(0.05)
        if time.monotonic() > deadline:
            raise TimeoutError("the lease is not released")


def kill_one(supervisor: subprocess.Popen[bytes], dice: random.Random) -> str | None:
    """Send a signal to a process of a sweep. Returns what was done, None if it was too late."""
    shares = [share for share, _, _ in VICTIMS.values()]
    [kind] = dice.choices(list(VICTIMS), shares)
    number = dice.choice(VICTIMS[kind][1])
    victims = [supervisor.pid] if kind == "supervisor" else processes_of(supervisor.pid, kind)
    try:
        os.kill(dice.choice(victims), number)
    except (IndexError, ProcessLookupError):  # it has not begun, or just ended
        return None
    if kind != "worker":
        supervisor.wait(ENDING_SECONDS)
    return f"{kind} {number.name}"


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


def processes_of(supervisor: int, kind: str) -> list[int]:
    """The processes of one kind among the descendants of a supervisor, in the order of their ids."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                names[int(entry.name)] = (entry / "cmdline").read_bytes()
            except OSError:
                continue
    family = [supervisor]
    for parent in family:
        family += [pid for pid, above in parents.items() if above == parent]
    marks = VICTIMS[kind][2]
    return sorted(pid for pid in family[1:] if any(mark in names.get(pid, b"") for mark in marks))


def records(store: Path) -> dict[str, str]:
    return {path.name: digest(path.read_bytes()) for path in (store / "results").glob("[!.]*")}


def table(store: Path | Store) -> bytes:
    """The columns of the tidy table that trials computed."""
    frame = ps.frame(store)
    columns = [name for name in frame.columns if name in RESULT_COLUMNS or name in CELLS.names]
    assert len(columns) > len(CELLS.names)
    return frame[columns].to_csv(index=False).encode()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


if __name__ == "__main__":
    main()
