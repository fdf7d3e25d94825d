"""What `prunesweep doctor` looks at: everything that a sweep needs of a machine."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from typing import NamedTuple

from workers.errors import PrunesweepError
from workers.store.store import Store
from workers.text import size


class Finding(NamedTuple):
    """One thing looked at: whether it is as it should be, and what was found (with the remedy, if not)."""

    what: str
    good: bool
    found: str


def examine(store: str | None, address: str | None) -> list[Finding]:
    """Look at this machine, and at a store and a cluster if they are named."""
    findings = [
        Finding("prunesweep", True, f"{importlib.metadata.version('prunesweep')}, Python {platform.python_version()}"),
        _look("torch", _torch),
        _look("torchvision", _torchvision),
        _look("Ray", lambda: importlib.metadata.version("ray")),
        _look("bytecode", _bytecode),
        Finding(
            "CPUs", True, str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
        ),
    ]
    if store:
        findings.append(_look(f"store {store}", lambda: _store(store)))
    if address:
        findings.append(_look(f"cluster {address}", lambda: _cluster(address)))
    return findings


def _look(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except (PrunesweepError, ImportError, OSError, RuntimeError, subprocess.SubprocessError) as error:
        return Finding(what, False, str(error).replace("\n\n", " "))


def _torch() -> str:
    return _python(
        "import torch; c = torch.cuda; n = c.device_count() if c.is_available() else 0;"
        "print(torch.__version__ + ', ' + ('; '.join(c.get_device_name(i) for i in range(n)) or 'no GPU'))"
    )


def _torchvision() -> str:
    found = _python("import torchvision, torchvision.ops; print(torchvision.__version__)")
    if "nms" in found:
        raise RuntimeError(f"{found}: it was not released together with this torch; install both with uv")
    return found


def _python(code: str) -> str:
    """Run a line in a Python of its own: a broken torch must not take this process down."""
    found = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=120, check=False)
    if found.returncode != 0:
        message = (found.stderr.strip().splitlines() or ["crashed"])[-1]
        hint = "; torch and torchvision must be released together: install both with uv" if "nms" in message else ""
        raise RuntimeError(message + hint)
    return found.stdout.strip()


def _bytecode() -> str:
    import typer

    cached = importlib.util.cache_from_source(typer.__file__)
    if not os.path.exists(cached):
        raise RuntimeError(
            "the installed packages have no compiled bytecode, so every Ray process starts three times slower: "
            "run `python -m compileall -q` on site-packages, or install with `uv pip install --compile-bytecode`"
        )
    return "compiled"


def _store(location: str) -> str:
    store = Store(location)
    store.check_writable()
    free = store.files.free_bytes()
    return "writable" + (f", {size(free)} free" if free is not None else "")


def _cluster(address: str) -> str:
    from orchestrator.driver.cluster import Cluster, connected
    from orchestrator.driver.interrupt import Interrupt

    with connected(Cluster(address=address), Interrupt()) as slots:
        return f"reached; {slots} trials of one CPU at once"
