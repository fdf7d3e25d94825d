"""A small sweep that trains in seconds, and the command line as users call it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from orchestrator import cli

SWEEP = """\
version: 1
name: tiny
dataset: {name: synthetic, train_images: 80, test_images: 40, classes: 4, channels: 1, size: 6}
network: {name: mlp, hidden: [16, 12], dropout: 0.2}
recipe:
  duration: 6ep
  batch_size: 16
  optimizer: {name: SGD, lr: 0.1, momentum: 0.9}
  schedule: {name: piecewise, boundaries: [2ep], factor: 0.1}
grid:
  - technique: [fine_tuning, weight_rewinding, lr_rewinding]
    compression: [4, 8]
    budget: [50%, 100%]
    replicates: 2
  - technique: lr_rewinding
    iterative: {rounds: 2, rate: 50%}
    budget: 50%
    replicates: 2
"""


OF_RAY = {"RAY_worker_niceness": "0"}
"""Ray runs its workers at nice 15 by default, where four busy processes leave them 2% of a core."""


_ONE_AFTER_THE_OTHER = """\
import json, sys
from prunesweep.__main__ import main

for words in json.loads(sys.argv[1]):
    sys.argv = ["prunesweep", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            sys.exit(f"{words}: {end.code}")
"""


class Command:
    """`prunesweep ...` in its own process. `python` are options of the interpreter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PRUNESWEEP_", "RAY_"))}
        self.python: list[str] = []
        self.environment = kept | {"RAY_TMPDIR": "/tmp", "NO_COLOR": "1"} | OF_RAY

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *self.python, "-m", "prunesweep", *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *arguments: object, code: int = 0) -> str:
        """What a command prints; fails unless it exits with `code`. stderr is in `self.stderr`."""
        process = self.start(*arguments)
        stdout, self.stderr = process.communicate()
        assert process.returncode == code, f"exit code {process.returncode}\n{stdout}\n{self.stderr}"
        return stdout

    def one_after_the_other(self, *commands: list[str]) -> str:
        """What several commands print that one process runs, which imports everything once."""
        process = subprocess.run(
            [sys.executable, *self.python, "-c", _ONE_AFTER_THE_OTHER, json.dumps(commands)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout

    def here(self, *arguments: object, code: int = 0) -> str:
        """The same in this process, which has torch already: seconds less, where no signal and no Ray is meant."""
        stdout, stderr = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.folder),
            modules_forgotten(self.folder),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
            mock.patch.object(sys, "argv", ["prunesweep", *map(str, arguments)]),
        ):
            try:
                cli.main()
                ended = 0
            except SystemExit as end:
                ended = int(end.code or 0)
        self.stderr = stderr.getvalue()
        assert ended == code, f"exit code {ended}\n{stdout.getvalue()}\n{self.stderr}"
        return stdout.getvalue()


@contextlib.contextmanager
def modules_forgotten(folder: Path) -> Iterator[None]:
    """What is imported from a folder in the block is unknown after it, as at the end of a process."""
    with mock.patch.object(sys, "path", [*sys.path]):
        yield
    for name, module in [*sys.modules.items()]:
        if folder in Path(getattr(module, "__file__", None) or "/").parents:
            del sys.modules[name]


def is_ray_worker(pid: int) -> bool:
    """Whether a process is an actor of ours: Ray names it differently when it trains and when it waits."""
    return any(name in command_line(pid) for name in (b"ray::TrialActor", b"ray::ResourceTrainable"))


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def running_in(folder: Path) -> list[int]:
    """The processes whose current directory is a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # ended meanwhile, or somebody else's
            if entry.name.isdecimal() and (entry / "cwd").resolve() == folder.resolve():
                found.append(int(entry.name))
    return found


def wait_for_workers_to_end(folder: Path) -> None:
    """Ray's workers notice by themselves that their driver is gone."""
    while any(is_ray_worker(pid) for pid in running_in(folder)):
        time.sleep(0.1)
