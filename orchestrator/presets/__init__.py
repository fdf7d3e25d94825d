"""Sweep files inside the package: `table` has them, `choice` one of them as it is asked for, `cost` what they cost."""

from orchestrator.presets.catalog import Preset, preset, presets
from orchestrator.presets.choice import Choice

__all__ = ["Choice", "Preset", "preset", "presets"]
