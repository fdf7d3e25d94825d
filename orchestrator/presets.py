"""Sweep files inside the package, by name."""

from __future__ import annotations

from importlib.resources import files

from workers.errors import InputError
from workers.registry import closest

_FOLDER = files("orchestrator").joinpath("templates")


def presets() -> dict[str, str]:
    """What `init --preset` can write: names, and the first comment of each file."""
    found = {}
    for file in sorted(_FOLDER.iterdir(), key=lambda file: file.name):
        name, _, suffix = file.name.partition(".")
        if suffix == "yaml":
            found[name.replace("_", "-")] = file.read_text("utf-8").splitlines()[0].lstrip("# ")
    return found


def read_preset(name: str) -> str:
    """The text of a preset. Raises InputError for an unknown name."""
    if name not in presets():
        raise InputError(f"unknown preset `{name}`\n\nhint: {closest(name, presets())}")
    return _FOLDER.joinpath(f"{name.replace('-', '_')}.yaml").read_text("utf-8")
