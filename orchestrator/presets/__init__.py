"""Sweep files inside the package: `catalog` lists them, `choice` adapts one to a request, `cost` says what they cost.

Imports planning and sweep; no driver, no results, neither torch nor Ray.
"""

from orchestrator.presets.catalog import Preset, preset, presets
from orchestrator.presets.choice import PresetChoice

__all__ = ["Preset", "PresetChoice", "preset", "presets"]
