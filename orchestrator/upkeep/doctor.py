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
from workers.store import Store
from workers.text import size
from workers.waiting import answer, begin

CHECK_SECONDS = 15.0

IMPORT_SECONDS = 120.0
"""How long torch may take to import: a minute and more from a cold network disk."""

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

    All checks begin at once, and each is returned as soon as those before it are. The cluster comes last, alone and in
    the thread that calls: Ray wants the main thread.
    """
    items = [
        _CheckItem("prunesweep", _prunesweep),
        _CheckItem("torch", _torch),
        _CheckItem("torchvision", _torchvision),
        _CheckItem("Ray", lambda: importlib.metadata.version("ray")),
        _CheckItem("bytecode", _bytecode),
        _CheckItem("CPUs", lambda: str(_cpus())),
        _CheckItem("shared memory", _shared_memory),
    ]
    if store:
        items.append(_CheckItem(f"store {store}", lambda: _store(store), CHECK_SECONDS))
    begun = [(item, begin(item.look)) for item in items]
    for item, future in begun:
        yield _check(item.what, partial(answer, future, item.seconds))
    if address:
        from orchestrator.upkeep.cluster_check import check_cluster

        yield from check_cluster(address, store)


def _check(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, good=True, found=look())
    except PrunesweepError as error:
        return Check(what, good=False, found=error.message, hint=error.hint)
    except (ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        return Check(what, good=False, found=str(error))


def _prunesweep() -> str:
    return f"{importlib.metadata.version('prunesweep')}, Python {platform.python_version()}"


def _torch() -> str:
    return _python(
        "import torch; c = torch.cuda; n = c.device_count() if c.is_available() else 0;"
        "print(torch.__version__ + ', ' + ('; '.join(c.get_device_name(i) for i in range(n)) or 'no GPU'))"
    )


def _torchvision() -> str:
    return _python("import torchvision, torchvision.ops; print(torchvision.__version__)")


def _python(code: str) -> str:
    """What a line prints in another Python process: a broken torch must not take this one down."""
    command = [sys.executable, "-P", "-c", code]
    process = subprocess.run(command, capture_output=True, text=True, timeout=IMPORT_SECONDS, check=False)
    if process.returncode != 0:
        message = (process.stderr.strip().splitlines() or ["crashed"])[-1]
        raise InputError(message, hint=_FROM_ONE_RELEASE if "nms" in message else "")
    return process.stdout.strip()


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
