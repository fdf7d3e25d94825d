"""prunesweep: sweeps of neural network pruning and retraining.

    import orchestrator as ps

    sweep = ps.load("sweep.yaml")
    ps.run(sweep, "runs/mine")
    frame = ps.frame("runs/mine")
    print(ps.table(frame, value="delta"))
    ps.save_figure(ps.figure(frame), "accuracy_vs_compression")

Importing this is quick: torch, ray and pandas are brought in by what needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.api import compare, export_model, frame, headline, load, plan, prune, resume, run, status
    from orchestrator.driver.session import RunOptions, Summary
    from orchestrator.planning.plan import Plan
    from orchestrator.results.export import export
    from orchestrator.results.figure import accuracy_vs_compression as figure
    from orchestrator.results.figure import save as save_figure
    from orchestrator.results.model_export import ExportedModel
    from orchestrator.results.table import table
    from orchestrator.search.search import Pruned
    from orchestrator.sweep.problems import SpecError
    from orchestrator.sweep.spec import SweepSpec
    from workers.errors import InputError, PrunesweepError, StoreError

_HOMES = {
    "load": "orchestrator.api",
    "plan": "orchestrator.api",
    "run": "orchestrator.api",
    "resume": "orchestrator.api",
    "prune": "orchestrator.api",
    "export_model": "orchestrator.api",
    "status": "orchestrator.api",
    "frame": "orchestrator.api",
    "compare": "orchestrator.api",
    "headline": "orchestrator.api",
    "table": "orchestrator.results.table",
    "figure": "orchestrator.results.figure:accuracy_vs_compression",
    "save_figure": "orchestrator.results.figure:save",
    "export": "orchestrator.results.export",
    "RunOptions": "orchestrator.driver.session",
    "ExportedModel": "orchestrator.results.model_export",
    "Pruned": "orchestrator.search.search",
    "Summary": "orchestrator.driver.session",
    "Plan": "orchestrator.planning.plan",
    "SweepSpec": "orchestrator.sweep.spec",
    "SpecError": "orchestrator.sweep.problems",
    "InputError": "workers.errors",
    "PrunesweepError": "workers.errors",
    "StoreError": "workers.errors",
}

__all__ = [
    "ExportedModel",
    "InputError",
    "Plan",
    "Pruned",
    "PrunesweepError",
    "RunOptions",
    "SpecError",
    "StoreError",
    "Summary",
    "SweepSpec",
    "compare",
    "export",
    "export_model",
    "figure",
    "frame",
    "headline",
    "load",
    "plan",
    "prune",
    "resume",
    "run",
    "save_figure",
    "status",
    "table",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `orchestrator` has no attribute `{name}`")
    module, _, attribute = _HOMES[name].partition(":")
    value = getattr(import_module(module), attribute or name)
    globals()[name] = value
    return value
