"""A preset as it is asked for: where its data are, how small, on what."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.planning.facts import Facts
from orchestrator.presets.catalog import Preset, preset
from orchestrator.presets.cost import known_facts
from orchestrator.presets.data import place
from orchestrator.presets.rehearsal import parse_scale, rehearse
from orchestrator.sweep.spec import SweepSpec, parse_spec
from workers.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """`data` is the folder with a preset's data, `stand_in` a data set to rehearse on instead of them.

    `scale` is text as on the command line. With `cpu` trials get a CPU each and no GPU.
    Raises InputError for what does not fit together.
    """

    name: str
    scale: str | None = None
    data: str | None = None
    stand_in: str | None = None
    cpu: bool = False

    def __post_init__(self) -> None:
        if self.stand_in is not None and self.data is not None:
            raise InputError("`--data` and `--dataset` both say what to train on", hint="drop one of them")
        if self.stand_in is not None and self.scale is None:
            hint = "add `--scale`, for example `--scale 0.01`"
            raise InputError(f"`--dataset {self.stand_in}` is to rehearse a preset", hint=hint)

    @property
    def preset(self) -> Preset:
        return preset(self.name)

    def text(self) -> str:
        """The sweep file. Raises InputError for an unknown name, and if the data are not in `data`."""
        text = self.preset.text if self.data is None else place(self.preset, self.data)
        if self.cpu:
            text = re.sub("^resources: .*$", "resources: {cpus: 1}", text, flags=re.MULTILINE)
        if self.scale is None:
            return text
        return rehearse(self.preset, text, parse_scale(self.scale), self.stand_in)

    def spec(self) -> SweepSpec:
        return parse_spec(self.text(), f"preset {self.name}")

    def notes(self) -> list[str]:
        """What was scaled, in lines."""
        lines = self.text().splitlines() if self.scale is not None else []
        return [line.removeprefix("# ") for line in lines if line.startswith("#")]

    def with_data(self) -> Choice:
        """The same with its data, for certain: InputError if they are not where the preset looks for them."""
        if self.data is not None or self.stand_in is not None or self.preset.folder is None:
            return self
        return Choice(name=self.name, scale=self.scale, data=self.preset.folder, cpu=self.cpu)

    def known_facts(self) -> Facts | None:
        """What a plan must know, where it is known without a look at data: None where they are named."""
        if self.data is not None or self.stand_in is not None:
            return None
        return known_facts(self.preset, self.spec())
