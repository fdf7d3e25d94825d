"""`prunesweep doctor`: check everything that a sweep needs of a machine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from orchestrator.upkeep.check import Check
from workers.data.batches.shared_memory import PLACE, REMEDY, shared_memory
from workers.errors import InputError, PrunesweepError
from workers.machine.version import VERSION
from workers.store import Store
from workers.text import size
from workers.waiting import answer, begin

CHECK_SECONDS = 15.0

IMPORT_SECONDS = 120.0
"""How long torch may take to import: a minute and more from a cold network disk."""

_MARK = "found: "

_TORCHES = f"""
import torch
gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
names = "; ".join(map(torch.cuda.get_device_name, range(gpus))) or "no GPU"
print(f"{_MARK}{{torch.__version__}}, {{names}}", flush=True)
import torchvision, torchvision.ops
print(f"{_MARK}{{torchvision.__version__}}")
"""

_FROM_ONE_RELEASE = "install torch and torchvision with uv: they must be released together"

_LEAST_SHARED = 10**9
"""Bytes: the images of ImageNet take 0.6 GB with 8 decoding processes and batches of 256."""


class _CheckItem(NamedTuple):
    """Something to check, and how long that may take."""

    what: str
    look: Callable[[], str]
    seconds: float = IMPORT_SECONDS


def examine(store: str | None, address: str | None) -> Iterator[Check]:
    """Check this machine, and a store and a cluster if they are named.

    All checks begin at once, and each is returned as soon as those before it are. The cluster comes last; it is checked
    in the thread that calls, because Ray wants the main thread, while those that take seconds run in others.
    """
    torches = begin(_import_torches)
    quick = [
        _CheckItem("prunesweep", _prunesweep),
        _CheckItem("Ray", lambda: importlib.metadata.version("ray")),
        _CheckItem("bytecode", _bytecode),
        _CheckItem("CPUs", lambda: str(_cpus())),
        _CheckItem("shared memory", _shared_memory),
    ]
    slow = [
        _CheckItem("torch", lambda: torches.result().line(0)),
        _CheckItem("torchvision", lambda: torches.result().line(1)),
    ]
    if store:
        slow.append(_CheckItem(f"store {store}", lambda: _store(store), CHECK_SECONDS))
    begun = [(item, begin(item.look)) for item in (*quick, *slow)]
    for item, future in begun[: len(quick)]:
        yield _check(item.what, partial(answer, future, item.seconds))
    cluster = _cluster(address, store) if address else []
    for item, future in begun[len(quick) :]:
        yield _check(item.what, partial(answer, future, item.seconds))
    yield from cluster


def _cluster(address: str, store: str | None) -> list[Check]:
    from orchestrator.upkeep.cluster_check import check_cluster

    return check_cluster(address, store)


def _check(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, good=True, found=look())
    except PrunesweepError as error:
        return Check(what, good=False, found=error.message, hint=error.hint)
    except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        return Check(what, good=False, found=str(error))


def _prunesweep() -> str:
    return f"{VERSION}, Python {platform.python_version()}"


class _Torches(NamedTuple):
    """What importing torch and torchvision in another process gave: their lines, and why the next one is missing."""

    lines: list[str]
    error: str

    def line(self, number: int) -> str:
        """Raises InputError without that line."""
        if number < len(self.lines):
            return self.lines[number]
        raise InputError(self.error, hint=_FROM_ONE_RELEASE if "nms" in self.error else "")


def _import_torches() -> _Torches:
    """Import both in one other process: a broken torch must not take this one down, and each takes seconds."""
    command = [sys.executable, "-P", "-c", _TORCHES]
    process = subprocess.run(command, capture_output=True, timeout=IMPORT_SECONDS, check=False)
    printed, errors = (text.decode("utf-8", "replace") for text in (process.stdout, process.stderr))
    error = (errors.strip().splitlines() or ["crashed"])[-1]
    lines = [line.removeprefix(_MARK) for line in printed.splitlines() if line.startswith(_MARK)]
    return _Torches(lines, error)


def _bytecode() -> str:
    import typer

    if not os.path.exists(importlib.util.cache_from_source(typer.__file__)):
        raise InputError(
            "the installed packages are not compiled, so every Ray process starts three times slower",
            hint="run `python -m compileall -q` on site-packages, or install with `uv pip install --compile-bytecode`",
        )
    return "compiled"


def _cpus() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _shared_memory() -> str:
    memory = shared_memory()
    if memory is None:
        return f"not limited: `{PLACE}` does not exist"
    text = f"{size(memory.free)} free of {size(memory.total)} in `{PLACE}`"
    if memory.total < _LEAST_SHARED:
        raise InputError(f"{text}, too little for data sets in files with decoding processes", hint=REMEDY)
    return text


def _store(location: str) -> str:
    store = Store(location)
    store.check_writable()
    free = store.files.free_bytes()
    return "writable" if free is None else f"writable, {size(free)} free"
