"""Scenarios that may die at a crash point, each in its own process.

`serve` runs in a process with torch loaded, which forks a child for each line `location setting` that it reads and
writes the child's exit code; `fork_server` starts such a process. A setting is `point:number:mode` as in
`PRUNESWEEP_CRASH_AT`, or `-` for no crash.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.support.places import ROOT
from workers import crashpoints


@contextmanager
def fork_server(module: str) -> Iterator[Callable[..., int]]:
    """A function of location and setting that runs the scenario of a module and returns how it exits."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )

    def execute(location: object, setting: str = "-") -> int:
        process.stdin.write(f"{location} {setting}\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    with process:
        yield execute
        process.stdin.close()


def serve(scenario: Callable[[str], object]) -> None:
    """Fork a child for each line of the standard input."""
    os.fsync = lambda _descriptor: None  # children die, but the machine keeps its power
    with tempfile.TemporaryDirectory() as folder:
        scenario(f"{folder}/store")  # torch imports much only when it is first used
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(_child(scenario, *line.split()))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _child(scenario: Callable[[str], object], location: str, setting: str) -> int:
    logging.disable()
    if setting != "-":
        crashpoints.arm(setting)
    try:
        scenario(location)
    except crashpoints.Crash:
        return 1
    return 0
