"""Modules of the user's own that this process has imported, and forgetting those that are out of date.

Python imports a module once in a process. A notebook or a server runs sweeps of several folders, and its user changes
files between two runs, while planning reads them again each time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from workers.machine.version import PACKAGES

_added: set[str] = set()  # folders in sys.path
_imported: dict[str, tuple[int, int]] = {}  # the modification time (ns) and the size of each file as it was imported


def add_import_folder(folder: str) -> None:
    """Let modules be imported from a folder, after Python's own library and what is installed."""
    if os.path.realpath(folder) not in [os.path.realpath(entry) for entry in sys.path]:
        sys.path.append(folder)
        _added.add(folder)


def import_afresh(folder: str) -> None:
    """Begin a run whose modules are in a folder: forget those of other folders, and all of it if a file has changed."""
    for other in _added - {folder}:
        sys.path[:] = [entry for entry in sys.path if entry != other]
        _forget(other)
    _added.intersection_update({folder})
    if any(_imported.get(file, _version(file)) != _version(file) for _, file in _modules_of(folder)):
        _forget(folder)  # they may import each other
    add_import_folder(folder)


def note_imported(module: str, folder: str) -> None:
    """Note what the modules of a folder look like, once a new one has been imported."""
    if getattr(sys.modules.get(module), "__file__", None) not in _imported:
        for _, file in _modules_of(folder):
            _imported.setdefault(file, _version(file))


def _forget(folder: str) -> None:
    for name, file in list(_modules_of(folder)):
        del sys.modules[name]
        _imported.pop(file, None)


def _modules_of(folder: str) -> Iterator[tuple[str, str]]:
    """The names and files of the modules that Python finds in a folder; not what is installed somewhere below it."""
    for name, module in list(sys.modules.items()):
        package = name.partition(".")[0]
        top = os.path.join(folder, package)
        file = getattr(module, "__file__", None)
        if file and file.startswith((f"{top}.py", f"{top}{os.sep}")) and package not in PACKAGES:
            yield name, file


def _version(file: str) -> tuple[int, int]:
    try:
        status = os.stat(file)
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
