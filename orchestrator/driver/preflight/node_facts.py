"""What a node of a cluster says of itself before a sweep starts; `facts_of_node` runs there. Imports no Ray."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.driver.preflight.machine import import_problem
from workers.errors import InputError, PrunesweepError
from workers.machine.installation import versions
from workers.store import layout
from workers.store.filesystems.opening import open_files

_MPS_FOLDER = "/tmp/nvidia-mps"  # the default of NVIDIA's MPS, which $CUDA_MPS_PIPE_DIRECTORY replaces


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeQuestion:
    """What a node is asked: each part only if it is set.

    store, token, secret: the location of a store, a path in it, and what the driver has written there.
    functions, folder: `module:function` names to import, and the folder with the user's modules.
    gpus: whether to count the GPUs that torch sees, which imports torch.
    """

    store: str = ""
    token: str = ""
    secret: bytes = b""
    functions: tuple[str, ...] = ()
    folder: str = ""
    gpus: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeFacts:
    """What a node answers.

    versions: of prunesweep, Python, Ray and torch. store: why the store cannot be used there, or empty.
    written: the path of a file that the node has written to the store. code: why a function cannot be imported.
    gpus: how many torch sees, None if that was not asked. mps: whether NVIDIA's MPS runs there.
    """

    versions: Mapping[str, str]
    store: str = ""
    written: str = ""
    code: InputError | None = None
    gpus: int | None = None
    mps: bool = False


def facts_of_node(question: NodeQuestion) -> NodeFacts:
    """The answers of the machine of this process."""
    written = layout.probe_path() if question.store else ""
    return NodeFacts(
        versions=versions(),
        store=_store_problem(question, written) if question.store else "",
        written=written,
        code=import_problem(question.functions, question.folder) if question.functions else None,
        gpus=_visible_gpus() if question.gpus else None,
        mps=shares_gpus_by_mps(),
    )


def _store_problem(question: NodeQuestion, written: str) -> str:
    """Why the store cannot be used here, after writing a file to it; empty if it can."""
    try:
        files = open_files(question.store)
        if files.read(question.token) != question.secret:
            return "another store is at that place"
        files.write(written, question.secret)
    except FileNotFoundError:
        return "what the driver has written there is not found"
    except (OSError, PrunesweepError) as error:
        return str(error)
    return ""


def _visible_gpus() -> int:
    """How many GPUs torch sees: Ray hides them from a task that takes none."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        del os.environ["CUDA_VISIBLE_DEVICES"]  # before CUDA starts: this process ends with its answer
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def shares_gpus_by_mps() -> bool:
    """Whether NVIDIA's MPS runs on this machine: without it, trials that share a GPU take turns."""
    folder = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", _MPS_FOLDER))
    try:
        daemon = int((folder / "nvidia-cuda-mps-control.pid").read_text())
        os.kill(daemon, 0)
    except PermissionError:
        return True  # it is there, and somebody else's
    except (OSError, ValueError):
        return False
    return True
