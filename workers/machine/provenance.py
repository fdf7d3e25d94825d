"""Where a record was made, and with which hardware and versions."""

from __future__ import annotations

import functools
import os
import platform
import socket
import subprocess
from pathlib import Path
from typing import Any

import torch

from workers.machine.kind import device_name, instruction_set
from workers.machine.version import VERSION


def provenance(device: torch.device, ranks: int = 1) -> dict[str, Any]:
    """The columns of a record that say where it was made, and by how many ranks.

    `commit` is None outside a git checkout of prunesweep.
    """
    return {
        "host": socket.gethostname(),
        "device": device_name(device),
        "instruction_set": instruction_set(),
        "threads": torch.get_num_threads(),
        "ranks": ranks,
        **_versions(),
    }


@functools.cache
def _versions() -> dict[str, Any]:
    return {
        "python_version": platform.python_version(),
        "torch_version": torch.__version__,
        "prunesweep_version": VERSION,
        "commit": _commit(),
    }


def _commit() -> str | None:
    """The checked-out commit, with `+` if tracked files differ from it."""
    try:
        command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=12", "--dirty=+"]
        environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
        process = subprocess.run(command, capture_output=True, text=True, timeout=5, env=environment, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (process.stdout.strip() or None) if process.returncode == 0 else None
