"""The user's own code that a sweep uses: it travels with a job, because machines elsewhere do not have its folder."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from orchestrator.sweep.spec import SweepSpec
from workers.errors import InputError
from workers.machine.version import PACKAGES
from workers.registry import is_own
from workers.registry.own_modules import imports


def own_modules(spec: SweepSpec) -> list[str]:
    """The top-level modules and packages of the user's own functions (`module:function`) in a sweep."""
    functions = filter(is_own, _texts(spec.canonical()))
    return sorted({function.partition(":")[0].partition(".")[0] for function in functions})


def _texts(data: Any) -> Iterator[str]:
    """All texts in JSON data, keys included."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        yield from data
        yield from _texts(list(data.values()))
    elif isinstance(data, list | tuple):
        for item in data:
            yield from _texts(item)


def is_in(folder: Path, module: str) -> bool:
    """Whether a top-level module or package lies in a folder."""
    return (folder / f"{module}.py").is_file() or (folder / module).is_dir()


def check_modules(modules: Iterable[str], folder: Path, sweep: Path) -> list[str]:
    """The modules that are not in a folder, so that machines elsewhere must have them installed.

    Raises InputError for one that lies next to the `sweep` file instead, where no command finds it.
    """
    absent = [module for module in modules if not is_in(folder, module)]
    for module in absent:
        if is_in(sweep.parent, module):
            raise InputError(
                f"module `{module}` lies next to the sweep file, not in the current folder: {folder}",
                hint=f"modules are taken from the current folder: run the command in `{sweep.parent}`",
            )
    return absent


def code_in(folder: Path, modules: Iterable[str]) -> dict[str, Path]:
    """The files of modules in a folder by their relative path, with what they may import from there.

    These are all modules directly in the folder, and of the packages that one of them imports, or that are named,
    all modules. Raises InputError for a folder that cannot be listed, whose modules would be left out.
    """
    files: dict[str, Path] = {}
    packages, done = set(modules), set(PACKAGES)
    _, _, names = next(os.walk(folder, onerror=_refuse))
    waiting = [folder / name for name in names]
    while True:
        for path, file in _importable(waiting, folder):
            files[path.as_posix()] = file
            packages |= {name.partition(".")[0] for name in imports(file, ".".join(path.with_suffix("").parts))}
        if packages <= done:
            return dict(sorted(files.items()))
        waiting = [file for package in packages - done for file in _files_of(folder / package)]
        done |= packages


def _files_of(package: Path) -> Iterator[Path]:
    """The files of a package and of the packages in it; none if it is not a folder."""
    if package.is_dir():
        for place, folders, names in os.walk(package, onerror=_refuse):
            folders[:] = filter(str.isidentifier, folders)
            yield from (Path(place, name) for name in names)


def _refuse(error: OSError) -> NoReturn:
    raise InputError(
        f"cannot list the modules in `{error.filename}`: {error.strerror}",
        hint="let this user read the folder, or move it elsewhere if the sweep does not need it",
    ) from error


def _importable(files: Iterable[Path], folder: Path) -> Iterator[tuple[Path, Path]]:
    """The files that are modules, each after its path relative to the folder."""
    for file in files:
        path = file.relative_to(folder)
        if file.suffix == ".py" and file.is_file() and all(part.isidentifier() for part in path.with_suffix("").parts):
            yield path, file
