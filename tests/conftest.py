"""What tests of several folders share."""

from __future__ import annotations

import gc
import os
import signal
import sys
import textwrap
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.command import OF_RAY, Command
from tests.support.describing import described_here
from tests.support.own_modules import Write
from workers import waiting

os.environ.setdefault("OMP_NUM_THREADS", "1")  # each core runs tests: before torch is imported, here or in a process
os.environ.update(OF_RAY)
os.fsync = lambda _descriptor: None  # the machine keeps its power, and disks take milliseconds for each of 30,000 calls
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which `nohup` ignores: tests send it to processes

# The same examples every time, and as much time for them as the machine needs.
settings.register_profile(
    "tests", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")


def pytest_collection_modifyitems(config, items):
    """Let each worker of xdist, which all begin with an equal part, begin with its share of the longest tests."""
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    long = [item for item in items if item.get_closest_marker("timeout") is not None]
    short = [item for item in items if item.get_closest_marker("timeout") is None]
    ends = [len(short) * number // workers for number in range(workers + 1)]
    items[:] = [
        item for number in range(workers) for item in (*long[number::workers], *short[ends[number] : ends[number + 1]])
    ]


def pytest_xdist_auto_num_workers():
    """One more worker than cores: some of them wait for Ray or another process."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_finish():
    """Keep the modules that all tests share out of garbage collection, which searches a million objects otherwise."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    gc.unfreeze()  # or extension modules complain at the end about what is never freed


@cache
def command_line():
    """The parsers of all commands, which typer would build again for each call."""
    from typer.main import get_command

    from orchestrator.cli import app

    return get_command(app)


@pytest.fixture
def main(monkeypatch, capsys):
    """Exit code, stdout and stderr of `prunesweep ...`, called in this process."""
    from orchestrator import cli
    from orchestrator.driver import situation

    monkeypatch.setattr(cli, "app", command_line())
    monkeypatch.setattr(situation, "_situation", situation.Situation())  # each command has its own process

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["prunesweep", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def prunesweep(tmp_path):
    """`prunesweep ...` as users call it, in a folder of the test's own."""
    return Command(tmp_path)


@pytest.fixture(autouse=True, scope="session")
def describe_here():
    """Runs in this process inspect in it; those of `prunesweep ...` in its own process have another one for it."""
    with described_here():
        yield


@pytest.fixture(autouse=True)
def environment_afterward():
    """Workers set variables for processes that they start: a test that runs a worker here must not leave them."""
    before = dict(os.environ)
    yield
    if os.environ != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(autouse=True)
def signals_afterward():
    """Runs handle signals, and wait only briefly after one: a test that leaves a run must leave none of that."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) != handler:
            signal.signal(number, handler)
    waiting.take_time()


@pytest.fixture
def elsewhere(tmp_path):
    """A folder outside a store, with a file in it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "file").write_bytes(b"of somebody else")
    return folder


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a module into the current directory and returns its name; none of it outlives the test."""
    name = f"own_{tmp_path.name.replace('-', '_')}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, name, raising=False)

    def write(code: str) -> str:
        (tmp_path / f"{name}.py").write_text("import torch\nfrom torch import nn\n" + textwrap.dedent(code))
        return name

    return write
