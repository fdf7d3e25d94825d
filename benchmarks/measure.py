"""Shared by the benchmarks: figures with their promises, and sweeps run through the command line."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from workers.machine.device import HUGE_PAGES
from workers.store import Store


class Figure(NamedTuple):
    """A measured value, and the limits that it promises to keep, if any."""

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def broken(self) -> bool:
        too_high = self.at_most is not None and self.value > self.at_most
        return too_high or (self.at_least is not None and self.value < self.at_least)

    @property
    def promise(self) -> str:
        if self.at_most is None and self.at_least is None:
            return ""
        words = f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"
        return f"{words}{'  BROKEN' if self.broken else ''}"


def arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a small run, to check that it works")
    return parser.parse_args()


def finish(benchmark: str, quick: bool, figures: Sequence[Figure]) -> NoReturn:
    """Print a table and one line of JSON; exit with 1 if a promise is broken."""
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        print(f"{figure.name:<{width}}  {figure.value:>12,.3f} {figure.unit:<10} {figure.promise}".rstrip())
    broken = [figure.name for figure in figures if figure.broken]
    values = {figure.name: round(figure.value, 4) for figure in figures}
    machine = {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    print(json.dumps({"benchmark": benchmark, "quick": quick, "figures": values, "broken": broken, "machine": machine}))
    sys.exit(1 if broken else 0)


def write_sweep(path: Path, sweep: dict[str, Any]) -> Path:
    """A sweep file (JSON is YAML)."""
    path.write_text(json.dumps({"version": 1, "name": path.stem} | sweep, indent=1), "utf-8")
    return path


def prunesweep(*words: str | os.PathLike[str], folder: Path | None = None) -> subprocess.Popen[bytes]:
    """Start a command in a folder, with the memory settings that Ray's workers have. The caller `wait`s for it."""
    command = [sys.executable, "-m", "prunesweep", *words]
    environment = os.environ | {"GLIBC_TUNABLES": HUGE_PAGES}
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, cwd=folder)


def wait(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """Wait for commands. Raises CalledProcessError if one fails."""
    for process in processes:
        _, stderr = process.communicate()
        if process.returncode != 0:
            sys.stderr.write(stderr.decode())
            raise subprocess.CalledProcessError(process.returncode, process.args)


class Work(NamedTuple):
    """The work done in stores, according to their records. Times are seconds since the epoch."""

    begin: float
    end: float
    trials: int
    shortest_trial: float

    @property
    def seconds(self) -> float:
        """From the first trial's start to the last record."""
        return self.end - self.begin


def rows_of(*stores: Path) -> list[dict[str, Any]]:
    """The records of stores."""
    return [row for store in stores for row in Store(store).records.read_all().table.to_pylist()]


def work_in(*stores: Path) -> Work:
    records = rows_of(*stores)
    return Work(
        begin=min(row["started_at"] for row in records).timestamp(),
        end=max(row["finished_at"] for row in records).timestamp(),
        trials=len({row["trial"] for row in records}),
        shortest_trial=min(row["wall_seconds"] for row in records),
    )
