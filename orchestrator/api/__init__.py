"""The Python API: one function for each command. The command line is a thin shell over it.

`running` plans, runs and continues sweeps, `reading` reads results, `keeping` looks after stores. Their modules import
neither Ray, torch nor pandas at the top: a function imports what it needs, so that every command starts fast.
"""

from orchestrator.api.keeping import show, status, sweep_file
from orchestrator.api.reading import compare, export, export_model, frame, headline, report, table
from orchestrator.api.running import load, plan, prune, resume, run, search_to_resume

__all__ = [
    "compare",
    "export",
    "export_model",
    "frame",
    "headline",
    "load",
    "plan",
    "prune",
    "report",
    "resume",
    "run",
    "search_to_resume",
    "show",
    "status",
    "sweep_file",
    "table",
]
