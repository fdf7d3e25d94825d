"""A preset as a user asks for it: with its data in a folder, scaled down, on CPUs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.planning.facts import Facts
from orchestrator.presets.catalog import Preset, preset
from orchestrator.presets.cost import known_facts
from orchestrator.presets.data import place
from orchestrator.presets.scaling import parse_scale, scaled_down
from orchestrator.sweep.spec import SweepSpec, parse_spec
from workers.errors import InputError, collecting, raise_all


@dataclass(frozen=True, kw_only=True, slots=True)
class PresetChoice:
    """A preset by name. `data` is the folder of its data, `stand_in` a data set without files to train on instead.

    `scale` is text as on the command line. With `cpu`, each trial gets one CPU and no GPU.
    Raises InputError for an unknown preset or scale, and for options that cannot be combined.
    """

    name: str
    scale: str | None = None
    data: str | None = None
    stand_in: str | None = None
    cpu: bool = False

    def __post_init__(self) -> None:
        errors: list[InputError] = []
        with collecting(errors):
            preset(self.name)
        with collecting(errors):
            parse_scale(self.scale or "1")
        if self.stand_in is not None and self.data is not None:
            errors.append(InputError("`--data` cannot be combined with `--dataset`", hint="remove one of them"))
        if self.stand_in is not None and self.scale is None:
            hint = "add `--scale`, for example `--scale 0.01`"
            errors.append(InputError(f"`--dataset` needs `--scale`: {self.stand_in}", hint=hint))
        raise_all(errors)

    @property
    def preset(self) -> Preset:
        return preset(self.name)

    def text(self) -> str:
        """The sweep file. Raises InputError for an unknown preset, and if `data` does not hold its data."""
        text = self.preset.text if self.data is None else place(self.preset, self.data)
        if self.cpu:
            text = re.sub("^resources: .*$", "resources: {cpus: 1}", text, flags=re.MULTILINE)
        if self.scale is None:
            return text
        return scaled_down(self.preset, text, parse_scale(self.scale), self.stand_in)

    def spec(self) -> SweepSpec:
        return parse_spec(self.text(), f"preset {self.name}")

    def notes(self) -> list[str]:
        """Lines that say what was scaled."""
        lines = self.text().splitlines() if self.scale is not None else []
        return [line.removeprefix("# ") for line in lines if line.startswith("#")]

    def with_data(self) -> PresetChoice:
        """The same preset with its data in the folder that it names. Raises InputError if they are not there."""
        if self.data is not None or self.stand_in is not None or self.preset.folder is None:
            return self
        return PresetChoice(name=self.name, scale=self.scale, data=self.preset.folder, cpu=self.cpu)

    def known_facts(self) -> Facts | None:
        """The facts that planning takes, if they are known without inspecting the data; None with chosen data."""
        if self.data is not None or self.stand_in is not None:
            return None
        return known_facts(self.preset, self.spec())
