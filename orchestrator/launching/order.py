"""What is to be launched: a sweep, where its results go, and the machines it gets."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from orchestrator.launching.own_code import check_modules, code_in, own_modules
from orchestrator.sweep.spec import SweepSpec
from workers.errors import InputError, raise_all
from workers.text import size

SWEEP_NAME = "sweep.yaml"
"""What the sweep file is called where its copy runs."""

_LONGEST_NAME = 28  # with the time after it, KubeRay allows 41 characters


@dataclass(frozen=True, kw_only=True)
class LaunchOrder:
    """A sweep `file` and what it says, the `store` for it, and `options` of `prunesweep run`.

    nodes, cpus, gpus: how many machines, and of each the CPUs and GPUs; None for the least that a trial needs.
    folder: where the modules are that the sweep uses.
    given: the words of the command line, which repeat the launch.
    """

    file: Path
    spec: SweepSpec
    store: str
    folder: Path
    at: datetime
    options: tuple[str, ...] = ()
    nodes: int = 1
    cpus: int | None = None
    gpus: int | None = None
    extra: tuple[str, ...] = ()
    given: tuple[str, ...] = field(default=())

    @cached_property
    def name(self) -> str:
        """A name for the job, such as `resnet20-1126-031500`: letters, digits and hyphens, and a letter first."""
        words = re.sub(r"[^a-z0-9]+", "-", self.spec.name.lower())
        words = re.sub(r"^(?![a-z])", "sweep-", words.strip("-"))[:_LONGEST_NAME].strip("-")
        return f"{words}-{self.at:%m%d-%H%M%S}"

    @property
    def cpus_of_node(self) -> int:
        """As asked, else enough for the trials that one GPU holds, or for one trial."""
        if self.cpus is not None:
            return self.cpus
        resources = self.spec.resources
        sharing = int(1 / resources.gpus) if self.shares_gpus else 1
        return max(resources.cpus * sharing, self._least["cpus"])

    @property
    def gpus_of_node(self) -> int:
        """As asked, else as many as one trial needs: one if several share it."""
        return self.gpus if self.gpus is not None else self._least["gpus"]

    @property
    def shares_gpus(self) -> bool:
        return 0 < self.spec.resources.gpus < 1

    @property
    def _least(self) -> dict[str, int]:
        """The CPUs and GPUs that a machine must have for any trial of the sweep, a dense training included."""
        resources, dense = self.spec.resources, self.spec.resources.dense
        cpus = [resources.cpus, (dense.cpus if dense else None) or 0]
        gpus = [resources.gpus, (dense.gpus if dense else None) or 0]
        return {"cpus": max(cpus), "gpus": math.ceil(max(gpus))}

    def check_machines(self) -> None:
        """Raise InputError if some trial fits on no machine as asked, which would show only once the job runs."""
        given = {"cpus": self.cpus, "gpus": self.gpus}
        raise_all(
            [
                InputError(
                    f"`--{name}` must be at least what a trial of the sweep needs, {least:,}: {count:,}",
                    hint=f"ask for larger machines, or change `resources` in `{self.file}`",
                )
                for name, least in self._least.items()
                if (count := given[name]) is not None and count < least
            ]
        )

    def run_command(self, sweep: str) -> list[str]:
        """`prunesweep run` of a copy of the sweep file."""
        return ["prunesweep", "run", sweep, "--store", self.store, *self.options]

    def code_elsewhere(self) -> list[str]:
        """The user's own modules that are not in `folder`, which the machines must have installed.

        Raises InputError for those next to the sweep file.
        """
        return check_modules(own_modules(self.spec), self.folder, self.file.resolve())

    def files(self, most_bytes: int) -> Mapping[str, str]:
        """The sweep file, and the modules in `folder` if it uses functions of the user's own: relative paths and texts.

        Raises InputError if they are too large to travel, or if one is not UTF-8.
        """
        files = {SWEEP_NAME: self.file}
        if own := own_modules(self.spec):
            files |= code_in(self.folder, own)
        total = sum(path.stat().st_size for path in files.values())
        if total > most_bytes:
            raise InputError(
                f"the modules in `{self.folder}` cannot be sent along, above {size(most_bytes)}: {size(total)}",
                hint="install your code as a package where trials run (in the image), and launch from another folder",
            )
        return {name: _text(path) for name, path in files.items()}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"not a text in UTF-8: {path}", hint="save it as UTF-8, or move it elsewhere") from error
