"""Which of two modules with the same name is imported: the installed one, never that of the user's folder.

This is imported before anything else, so it imports only what Python itself has imported when it started.
"""

import os
import sys
from importlib import import_module


def pin(*names: str) -> None:
    """Import packages from the folder that holds this one, whatever else on `sys.path` has their names.

    `orchestrator` and `workers` are ordinary words: a user's folder that comes first may hold a `workers` too.
    Raises ImportError if a user's module of such a name is already imported.
    """
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path.insert(0, home)
    try:
        packages = [import_module(name) for name in names]
    finally:
        sys.path.remove(home)
    for package in packages:
        if home not in [os.path.dirname(folder) for folder in getattr(package, "__path__", [])]:
            raise ImportError(
                f"prunesweep has a package named `{package.__name__}`, but another module of that name is already "
                f"imported and must be renamed: {getattr(package, '__file__', None) or package}"
            )


def put_current_folder_last() -> None:
    """Look for modules in the current folder after everything that is installed, here and in processes started here.

    `python -m prunesweep` and `PYTHONPATH=.` put it first, where a user's `random.py` would hide Python's own.
    """
    sys.path.sort(key=_is_current_folder)
    os.environ["PYTHONSAFEPATH"] = "1"  # or it comes first in processes that decode images
    if "PYTHONPATH" in os.environ:
        folders = os.environ["PYTHONPATH"].split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join(folder for folder in folders if not _is_current_folder(folder))


def _is_current_folder(entry: str) -> bool:
    return os.path.realpath(entry) == os.path.realpath(os.curdir)
