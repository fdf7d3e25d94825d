"""Slurm: one Ray cluster on an allocation, or a job array whose tasks run shards without a cluster."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from orchestrator.launching.order import LaunchOrder
from orchestrator.launching.submission import Directions, Submission
from orchestrator.launching.templates import template

_HINT = "run this where `sbatch` works, on a login node; `--dry-run` prints the script"


def on_allocation(order: LaunchOrder) -> Submission:
    """A job that starts a Ray cluster on all nodes of an allocation."""
    settings = {"job-name": order.spec.name, "nodes": str(order.nodes)} | _machine(order)
    script = _filled(template("slurm.sbatch"), settings, order)
    return _submission(script, order, log="prunesweep-{}.log")


def as_array(order: LaunchOrder, shards: int) -> Submission:
    """A job array: each task runs one shard."""
    settings = {"job-name": order.spec.name, "array": f"1-{shards}"} | _machine(order)
    script = _filled(template("slurm-array.sbatch"), settings, order)
    script = re.sub(r"^COUNT=.*$", f"COUNT={shards}", script, flags=re.M)
    return _submission(script, order, log="prunesweep-{}_*.log")


def _machine(order: LaunchOrder) -> dict[str, str]:
    machine = {"cpus-per-task": str(order.cpus_of_node)}
    return machine | ({"gpus-per-node": str(order.gpus_of_node)} if order.gpus_of_node else {})


def _filled(script: str, settings: dict[str, str], order: LaunchOrder) -> str:
    """A script with settings of Slurm, and with its arguments.

    It runs the programs of the environment of this Python: that need not be active here, and a site may not let jobs
    inherit the PATH.
    """
    for name, value in settings.items():
        script = re.sub(rf"^#SBATCH --{name}=.*\n", "", script, flags=re.M)
        script = script.replace("#SBATCH", f"#SBATCH --{name}={value}\n#SBATCH", 1)
    arguments = shlex.join([str(order.file.resolve()), order.store, *order.options])
    exports = f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH\n"
    exports += "export PRUNESWEEP_MPS=1\n" if order.shares_gpus else ""
    return script.replace("set -eu\n", f"set -eu\n{exports}set -- {arguments}\n", 1)


def _submission(script: str, order: LaunchOrder, log: str) -> Submission:
    def directions(job: str) -> Directions:
        number = job.partition(";")[0]  # a federation adds the name of its cluster
        return Directions(
            follow=f"tail -F {log.format(number)}",
            stop=f"scancel --batch --signal=TERM {number}",
            resume=shlex.join(order.given),
        )

    command = ["sbatch", "--parsable", *order.extra]
    return Submission(command=command, document=script, directions=directions, hint=_HINT)
