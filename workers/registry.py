"""Names that a sweep file may use, and the functions behind them, imported only when they are called.

A name is registered (`resnet20`), or it is `module:function`: code of the user's own.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workers.errors import BadInput, InputError, PrunesweepError
from workers.own_modules import PACKAGES, add_import_folder, hidden


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A registered function: `factory` is `module:function`; `fixed` are arguments that the name implies.

    `facts` are known beforehand, where the function verifies by itself that it returns exactly these data.
    `arguments` maps the keyword arguments that a sweep file may give to their types; an `open` entry takes others
    too, and checks them itself. A data set that `streams` leaves its images in files. `canonical` is the name that
    goes into ids (so that `resnet20` and `cifar_resnet` of depth 20 are the same network); empty: its own.
    """

    factory: str
    summary: str
    arguments: Mapping[str, type | tuple[type, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    canonical: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    open: bool = False
    streams: bool = False


def lookup(entries: Mapping[str, Entry], name: str, kind: str) -> Entry:
    """The entry of a name, or of a user's own `module:function`; InputError with the nearest known names for others."""
    if name in entries:
        return entries[name]
    if is_own(name):
        return Entry(factory=name, summary="a function of your own", open=True)
    hint = f"{closest(name, entries)}; or `module:function` for one of your own"
    raise InputError(f"unknown {kind} `{name}`", hint=hint)


def is_own(name: str) -> bool:
    """Whether a name is `module:function`, for a function of the user's own."""
    module, colon, function = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), function))


def closest(name: str, known: Iterable[str]) -> str:
    """`did you mean ...?` where a known name is near, and all known names."""
    known = list(known)
    near = difflib.get_close_matches(name[:100], known, n=1)
    return (f"did you mean `{near[0]}`? " if near else "") + f"Known: {', '.join(known)}"


def misspelled(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest to another one, upper or lower case; None where none is near."""
    lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower()[:100], lower, n=1)
    return lower[near[0]] if near else None


def load_own(name: str) -> Callable[..., Any]:
    """Import `module:function` of the user's own, from what is installed or from the current directory.

    Raises InputError as `load` does, and where something else has the name of what the directory holds.
    """
    folder = os.getcwd()
    add_import_folder(folder)
    reason = hidden(name.partition(":")[0], folder)
    if reason is not None:
        raise InputError(f"cannot import `{name}`: {reason}", hint=f"rename it in `{folder}`")
    return load(name)


def load(factory: str) -> Callable[..., Any]:
    """Import `module:function`. Raises InputError where that fails, naming the reason."""
    module_name, _, name = factory.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a module of the user's own may raise anything
        missing = isinstance(error, ModuleNotFoundError) and module_name.startswith(f"{error.name}")
        reason = f"there is no module `{getattr(error, 'name', '')}`" if missing else _described(error)
        raise InputError(f"cannot import `{factory}`: {reason}", hint=_where_modules_are(error)) from error
    function = getattr(module, name, None)
    if not callable(function):
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        what = "is no function" if hasattr(module, name) else "is not there"
        raise InputError(f"cannot use `{factory}`: `{name}` {what}", hint=closest(name, functions))
    loaded: Callable[..., Any] = function
    return loaded


def _where_modules_are(error: BaseException) -> str:
    package = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ImportError) and package in PACKAGES:
        return f"`{package}` is a package of prunesweep: give yours another name"
    return f"modules are looked for in what is installed, then in the current directory: {os.getcwd()}"


def call(entry: Entry, kind: str, name: str, arguments: Mapping[str, Any]) -> Any:
    """What an entry's function returns for arguments, those that its name implies included.

    Raises InputError where the function cannot be imported or does not take the arguments, BadInput for whatever
    else it raises, if it is the user's own. `kind` and `name` are what errors call it.
    """
    function = load_own(name) if is_own(name) else load(entry.factory)
    arguments = {**entry.fixed, **arguments}
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        hint = f"it is called with the arguments {', '.join(arguments)}" if arguments else "it is called without any"
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
        raise BadInput(f"{kind} `{name}` failed: {_described(error)}") from error


def _described(error: BaseException) -> str:
    """`ValueError: reason (models.py, line 12)`: an exception and the last line that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    where = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
