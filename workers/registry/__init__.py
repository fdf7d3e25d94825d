"""Names that a sweep file may use, and the functions behind them, imported only when they are called.

A name is either registered (`resnet20`) or `module:function`, which is the user's own code.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import re
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workers.errors import BadInput, InputError, PrunesweepError
from workers.machine.version import PACKAGES
from workers.registry.fresh_modules import add_import_folder, note_imported
from workers.registry.own_modules import check_not_hidden

_LISTED = 100
"""How many names a hint lists."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A registered function: `factory` is `module:function`, `fixed` are arguments that the name implies.

    `arguments` maps the keyword arguments that a sweep file may give to their types; an `open` entry takes others too,
    and checks them itself. `facts` are those of a data set that need not be loaded to know them, since its function
    verifies the data; `folder` has them, below the argument `root`. A data set that `streams` leaves its images in
    files. `canonical` is the name in ids (so that
    `resnet20` and `cifar_resnet` of depth 20 are the same network); if empty, the registered name.
    """

    factory: str
    summary: str
    arguments: Mapping[str, type | tuple[type, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    canonical: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    open: bool = False
    streams: bool = False


def lookup(entries: Mapping[str, Entry], name: str, kind: str) -> Entry:
    """The entry of a name, or one for `module:function`. Raises InputError with the nearest names for others."""
    if name in entries:
        return entries[name]
    if is_own(name):
        return Entry(factory=name, summary="your own function", open=True)
    hint = f"{closest(name, entries)}, or your own as `module:function`"
    raise InputError(f"unknown {kind}: `{name}`", hint=hint)


def is_own(name: str) -> bool:
    """Whether a name is `module:function`: the user's own function."""
    module, colon, function = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), function))


def closest(name: str, names: Iterable[str]) -> str:
    """A hint: to use one of the names, which it lists up to a limit, after `did you mean ...?` if one is near."""
    names = list(names)
    if not names:
        return ""
    alike = [candidate for candidate in names if _bare(candidate) == _bare(name)]
    near = alike or difflib.get_close_matches(name[:100], names, n=1)
    if len(names) == 1:
        return f"did you mean `{near[0]}`?" if near else f"use `{names[0]}`"
    listed = f"one of {', '.join(names[:_LISTED])}"
    if len(names) > _LISTED:
        listed += f" and {len(names) - _LISTED:,} more"
    return f"did you mean `{near[0]}`? Use {listed}" if near else f"use {listed}"


def _bare(name: str) -> str:
    """What `ResNet-20` and `resnet20` have in common, and `MSELoss` and `mse`."""
    return re.sub(r"[\W_]", "", name.lower()).removesuffix("loss")


def misspelled(name: str, names: Iterable[str]) -> str | None:
    """The nearest of the names, in upper or lower case; None if none is near."""
    lower = {candidate.lower(): candidate for candidate in names}
    near = difflib.get_close_matches(name.lower()[:100], lower, n=1)
    return lower[near[0]] if near else None


def load_function(entry: Entry, name: str) -> Callable[..., Any]:
    """Import an entry's function. Raises the errors of `load_own` and `load`."""
    return load_own(name) if is_own(name) else load(entry.factory)


def check_not_a_class(function: Callable[..., Any], kind: str, name: str) -> None:
    """Raise InputError for a class in place of a function, which would make an object instead of a result."""
    if isinstance(function, type):
        raise InputError(
            f"{kind} `{name}` must be a function, not a class: {function.__name__}",
            hint=f"name a function that uses it, or a callable object, such as `mine = {function.__name__}()`",
        )


def load_own(name: str) -> Callable[..., Any]:
    """Import the user's own `module:function`, from installed packages or from the current directory.

    Raises InputError as `load` does, and if another module hides the one in the directory.
    """
    folder = os.getcwd()
    add_import_folder(folder)
    check_not_hidden(name.partition(":")[0], folder)
    function = load(name)
    note_imported(name.partition(":")[0], folder)
    return function


def load(factory: str) -> Callable[..., Any]:
    """Import `module:function`. Raises InputError with the reason if that fails."""
    module_name, _, name = factory.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # the user's module may raise anything
        missing = isinstance(error, ModuleNotFoundError) and module_name.startswith(f"{error.name}")
        reason = f"module `{getattr(error, 'name', '')}` not found" if missing else described(error)
        raise InputError(f"cannot import `{factory}`: {reason}", hint=_where_modules_are(error)) from error
    function = getattr(module, name, None)
    if not callable(function):
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        problem = "is not a function" if hasattr(module, name) else "not found"
        raise InputError(f"cannot use `{factory}`: `{name}` {problem}", hint=closest(name, functions))
    loaded: Callable[..., Any] = function
    return loaded


def _where_modules_are(error: BaseException) -> str:
    package = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ImportError) and package in PACKAGES:
        return f"`{package}` is a package of prunesweep: give yours another name"
    return f"modules are imported from installed packages, then from the current directory: {os.getcwd()}"


def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter] | None:
    """The parameters of a function by name; None for one of a compiled module, which may have no signature."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None


def call(entry: Entry, kind: str, name: str, arguments: Mapping[str, Any]) -> Any:
    """What an entry's function returns for arguments, including those that its name implies.

    Raises InputError if the function cannot be imported or does not take the arguments, BadInput for anything that the
    user's own function raises. `kind` and `name` are for messages.
    """
    function = load_function(entry, name)
    arguments = {**entry.fixed, **arguments}
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        hint = (
            f"it is called with the arguments {', '.join(arguments)}" if arguments else "it is called without arguments"
        )
        raise InputError(f"{kind} `{name}`: {error}", hint=hint) from error
    except ValueError:  # a function of a compiled module, which may have no signature
        pass
    try:
        return function(**arguments)
    except PrunesweepError:
        raise
    except (Exception, SystemExit) as error:
        if not is_own(name):
            raise
        raise BadInput(
            f"{kind} `{name}` failed: {described(error)}",
            hint="the function must return for the arguments of the sweep file: call it in Python to try it",
        ) from error


def described(error: BaseException) -> str:
    """`ValueError: reason (models.py, line 12)`: an exception and the line that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    where = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
