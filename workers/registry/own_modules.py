"""Where modules of the user's own are imported from: a folder that comes after everything that is installed.

So a `random.py` or a `workers` in that folder breaks nothing. Where it is really needed, it is refused, and never
replaced silently by what is installed under the same name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec, resolve_name
from pathlib import Path

from workers.errors import InputError
from workers.machine.version import PACKAGES


def check_not_hidden(module: str, folder: str) -> None:
    """Raise InputError for a module of a folder that cannot be imported from there; do nothing if it is elsewhere.

    Either an installed module has its name, or a package of prunesweep has the name of one that it imports.
    """
    hider = _hider(module, folder)
    if hider is not None:
        raise _refusal(f"cannot import `{module}`: another module of that name hides it: {hider}", module, folder)
    if not any(_hider(package, folder) for package in PACKAGES):
        return
    for name in _imported(module, folder):
        hider = _hider(name, folder) if name.partition(".")[0] in PACKAGES else None
        if hider is not None:
            reason = f"it imports `{name}`, which a package of prunesweep hides: {hider}"
            raise _refusal(f"cannot import `{module}`: {reason}", name, folder)


def _refusal(message: str, hidden: str, folder: str) -> InputError:
    package = hidden.partition(".")[0]
    return InputError(message, hint=f"rename `{package}` in `{folder}`")


def _hider(module: str, folder: str) -> str | None:
    """Where Python finds the module or package that a module of a folder belongs to, if that is somewhere else."""
    top = module.partition(".")[0]
    if _source(module, folder) is None:
        return None
    spec = find_spec(top)
    places = [spec.origin, *(spec.submodule_search_locations or ())] if spec is not None else []
    own = Path(folder, top).resolve()
    for place in places:
        path = Path(place or "").resolve()
        if path == own.with_suffix(".py") or path.is_relative_to(own):
            return None
    return next((place for place in places if place), None)


def _source(module: str, folder: str) -> Path | None:
    """The file of a module, or the folder of a package without one; None if it is not in a folder."""
    path = Path(folder, *module.split("."))
    candidates = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in candidates if file.is_file()), path if path.is_dir() else None)


def _imported(module: str, folder: str) -> Iterator[str]:
    """The names that a module imports, and those that other modules of the same folder import for it."""
    waiting, done = [module], set()
    while waiting:
        name = waiting.pop()
        source = _source(name, folder)
        if name in done or source is None or source.is_dir():
            continue
        done.add(name)
        names = list(imports(source, name))
        yield from names
        waiting += names


def imports(source: Path, module: str) -> Iterator[str]:
    """The names in the import statements of a file; `from a import b` may mean a module `a.b`."""
    package = module if source.name == "__init__.py" else module.rpartition(".")[0]
    try:
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return  # importing it tells why
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (package or not node.level):
            try:
                base = resolve_name("." * node.level + (node.module or ""), package)
            except ImportError:  # above the package; importing it tells why
                continue
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
