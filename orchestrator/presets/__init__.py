"""Sweep files inside the package: `table` has them, `choice` one of them as it is asked for, `cost` what they cost."""

from orchestrator.presets.choice import Choice
from orchestrator.presets.table import Preset, preset, presets

__all__ = ["Choice", "Preset", "preset", "presets"]
