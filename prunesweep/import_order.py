"""Which of two modules with the same name is imported: the installed one, never that of the user's folder.

This is imported before anything else, so it imports only what Python itself has imported when it started.
"""

import os
import sys
from importlib import import_module

_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The folder that holds this package, and with it `orchestrator` and `workers`."""


def pin(*names: str) -> None:
    """Import packages from the folder that holds this one, whatever else on `sys.path` has their names.

    `orchestrator` and `workers` are ordinary words: a user's folder that comes first may hold a `workers` too.
    Raises ImportError if a user's module of such a name is already imported.
    """
    sys.path.insert(0, _HOME)
    try:
        packages = [import_module(name) for name in names]
    finally:
        sys.path.remove(_HOME)
    for package in packages:
        if _HOME not in [os.path.dirname(folder) for folder in getattr(package, "__path__", [])]:
            raise ImportError(
                f"prunesweep has a package named `{package.__name__}`, but another module of that name is already "
                f"imported and must be renamed: {getattr(package, '__file__', None) or package}"
            )


def put_current_folder_last() -> None:
    """Look for modules in the current folder after everything that is installed, here and in processes started here.

    `python -m prunesweep` and `PYTHONPATH=.` put it first, where a user's `random.py` would hide Python's own. If
    it is a clone of prunesweep that runs here, processes started here import prunesweep from that clone too.
    """
    clone = [_HOME] if _comes_before_python(_HOME) else []
    sys.path.sort(key=_is_current_folder)
    os.environ["PYTHONSAFEPATH"] = "1"  # or it comes first in processes that decode images
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(clone + [path for path in folders if not _is_current_folder(path)])


def _comes_before_python(folder: str) -> bool:
    """Whether modules are imported from a folder rather than from Python or from what is installed."""
    standard_library = os.path.dirname(os.__file__)
    for entry in sys.path:
        if entry == standard_library:
            return False
        if os.path.realpath(entry) == os.path.realpath(folder):
            return True
    return False


def _is_current_folder(entry: str) -> bool:
    return os.path.realpath(entry) == os.path.realpath(os.curdir)
