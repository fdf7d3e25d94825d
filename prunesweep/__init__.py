"""Sweeps of neural network pruning and retraining: the public face.

    import prunesweep as ps

    sweep = ps.load("sweep.yaml")
    ps.run(sweep, "runs/mine")
    frame = ps.frame("runs/mine")
    print(ps.table(frame, value="delta"))
    ps.save_figure(ps.figure(frame, value="delta"), "accuracy_vs_compression")

Nothing is defined here: names are imported from `orchestrator` and `workers` when they are first used, so that
importing this brings in neither torch nor ray nor pandas.
"""

from importlib import import_module

from prunesweep.import_order import pin

TYPE_CHECKING = False  # from `typing` it would be that of a user's `typing.py`, in `python -m prunesweep`

pin("orchestrator", "workers")

if TYPE_CHECKING:
    from orchestrator.api import (
        compare,
        export,
        export_model,
        frame,
        headline,
        load,
        plan,
        prune,
        report,
        resume,
        run,
        show,
        status,
        sweep_file,
        table,
    )
    from orchestrator.driver.options import RunOptions
    from orchestrator.driver.summary import Summary
    from orchestrator.planning.plan import Plan
    from orchestrator.presets.choice import PresetChoice
    from orchestrator.results.exports.model_export import ExportedModel
    from orchestrator.results.figures.accuracy import accuracy_vs_compression as figure
    from orchestrator.results.figures.cost import accuracy_vs_cost, budget_curves
    from orchestrator.results.figures.files import save as save_figure
    from orchestrator.results.figures.paper import paper_figures
    from orchestrator.results.figures.pareto import pareto
    from orchestrator.results.figures.safe_zone import safe_zone
    from orchestrator.search.search import Pruned
    from orchestrator.sweep.problems import SpecError
    from orchestrator.sweep.spec import SweepSpec
    from orchestrator.upkeep.merge import merge
    from orchestrator.upkeep.sweeps import list_sweeps as sweeps
    from orchestrator.upkeep.sweeps import rename, retire
    from workers.data.examples.arrays import Arrays
    from workers.data.examples.datasets import Datasets
    from workers.data.examples.fingerprint import Declared
    from workers.data.image_files import ImageFiles
    from workers.data.images import Images
    from workers.errors import InputError, PrunesweepError, StoreError

    __version__: str

_HOMES = {
    "load": "orchestrator.api",
    "plan": "orchestrator.api",
    "run": "orchestrator.api",
    "resume": "orchestrator.api",
    "prune": "orchestrator.api",
    "export_model": "orchestrator.api",
    "status": "orchestrator.api",
    "show": "orchestrator.api",
    "sweep_file": "orchestrator.api",
    "sweeps": "orchestrator.upkeep.sweeps:list_sweeps",
    "merge": "orchestrator.upkeep.merge",
    "retire": "orchestrator.upkeep.sweeps",
    "rename": "orchestrator.upkeep.sweeps",
    "frame": "orchestrator.api",
    "compare": "orchestrator.api",
    "headline": "orchestrator.api",
    "report": "orchestrator.api",
    "table": "orchestrator.api",
    "figure": "orchestrator.results.figures.accuracy:accuracy_vs_compression",
    "accuracy_vs_cost": "orchestrator.results.figures.cost",
    "budget_curves": "orchestrator.results.figures.cost",
    "safe_zone": "orchestrator.results.figures.safe_zone",
    "paper_figures": "orchestrator.results.figures.paper",
    "pareto": "orchestrator.results.figures.pareto",
    "save_figure": "orchestrator.results.figures.files:save",
    "export": "orchestrator.api",
    "Arrays": "workers.data.examples.arrays",
    "Datasets": "workers.data.examples.datasets",
    "Declared": "workers.data.examples.fingerprint",
    "Images": "workers.data.images",
    "ImageFiles": "workers.data.image_files",
    "RunOptions": "orchestrator.driver.options",
    "ExportedModel": "orchestrator.results.exports.model_export",
    "Pruned": "orchestrator.search.search",
    "Summary": "orchestrator.driver.summary",
    "Plan": "orchestrator.planning.plan",
    "PresetChoice": "orchestrator.presets.choice",
    "SweepSpec": "orchestrator.sweep.spec",
    "SpecError": "orchestrator.sweep.problems",
    "InputError": "workers.errors",
    "PrunesweepError": "workers.errors",
    "StoreError": "workers.errors",
}

__all__ = [
    "Arrays",
    "Datasets",
    "Declared",
    "ExportedModel",
    "ImageFiles",
    "Images",
    "InputError",
    "Plan",
    "PresetChoice",
    "Pruned",
    "PrunesweepError",
    "RunOptions",
    "SpecError",
    "StoreError",
    "Summary",
    "SweepSpec",
    "accuracy_vs_cost",
    "budget_curves",
    "compare",
    "export",
    "export_model",
    "figure",
    "frame",
    "headline",
    "load",
    "merge",
    "paper_figures",
    "pareto",
    "plan",
    "prune",
    "rename",
    "report",
    "resume",
    "retire",
    "run",
    "safe_zone",
    "save_figure",
    "show",
    "status",
    "sweep_file",
    "sweeps",
    "table",
]


if not TYPE_CHECKING:  # type checkers see the imports above, and nothing that is misspelled

    def __getattr__(name):
        if name == "__version__":
            return import_module("workers.machine.version").VERSION
        if name not in _HOMES:
            raise AttributeError(f"module `prunesweep` has no attribute `{name}`")
        module, _, attribute = _HOMES[name].partition(":")
        value = getattr(import_module(module), attribute or name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
