"""Checks of the names and arguments of data sets, networks and optimizers in a sweep file.

A name with a colon is a function of the user's, which only `workers.describe` can check.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestrator.sweep.problems import KeyPath, Problem
from orchestrator.sweep.recipe import RecipeSpec
from orchestrator.sweep.synonyms import is_meant, pointers
from workers.registry import Entry, closest, is_own, misspelled
from workers.training.optimizing.optimizer_names import OPTIMIZER_ARGUMENTS, REFUSED_OPTIMIZERS

_WORDS = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    list: "a list",
    dict: "a mapping",
}
_IN_WORDS = ("adjust_lr_fn",)  # the only argument of an optimizer that is text
_SWITCHES = ("amsgrad", "centered", "decoupled_weight_decay", "maximize", "nesterov")
_FUNCTIONS = {"network": "build", "dataset": "load"}  # what users often call them
_EXAMPLES = {
    int: "8",
    float: "0.1",
    str: '"text"',
    bool: "true",
    list: "[300, 100]",
    dict: "{test: 20%, seed: 0}",
}


def check_named(path: KeyPath, value: object, entries: Mapping[str, Entry], kind: str) -> Iterator[Problem]:
    """Problems with a name, or with a mapping of a name and its arguments. `kind` is what errors call the name."""
    named = value if isinstance(value, dict) else {"name": value}
    name_key = key_of_name(named)
    yield from _check_key_of_name(path, name_key)
    name = named.get(name_key)
    if not isinstance(name, str) or not name.strip():
        return
    if ":" in name:
        yield from check_own((*path, name_key), name)
        return
    entry = entries.get(name)
    if entry is None:
        yield Problem((*path, name_key), f"unknown {kind}", _meant(name, entries, kind))
        return
    arguments = {key: item for key, item in named.items() if key != name_key}
    yield from _check_arguments(path, name, entry, arguments)
    for key in entry.required:
        if key not in arguments:
            hint = f"add it, for example `{{name: {name}, {key}: {_example(entry.arguments[key])}}}`"
            yield Problem(path, f"`{name}` needs `{key}`", hint, show=False, missing=(key,))


def _check_arguments(path: KeyPath, name: str, entry: Entry, arguments: Mapping[str, object]) -> Iterator[Problem]:
    """Arguments must be those of a registered function, and of the types that it takes."""
    for key, item in arguments.items():
        if key not in entry.arguments:
            if entry.open:
                continue
            hint = closest(key, entry.arguments) if entry.arguments else f"remove it: `{name}` takes no arguments"
            yield _unknown_argument((*path, key), name, hint, entry.arguments)
        elif not _fits(item, expected := entry.arguments[key]):
            hint = f"write a value such as `{key}: {_example(expected)}`"
            yield Problem((*path, key), f"must be {_words(expected)}", hint)


def check_optimizer(path: KeyPath, value: object) -> Iterator[Problem]:
    """Misspelled names and arguments of an optimizer. Names unlike any known one may belong to a newer torch."""
    if not isinstance(value, dict):
        return
    name_key = key_of_name(value)
    yield from _check_key_of_name(path, name_key)
    if "lr" not in value:
        for key in value:
            if is_meant(key, "lr"):
                yield Problem((*path, key), "unknown key", "use `lr`", at_key=True, stands_for="lr")
    name = value.get(name_key)
    if not isinstance(name, str):
        return
    arguments = OPTIMIZER_ARGUMENTS.get(name)
    if arguments is None:
        if name in REFUSED_OPTIMIZERS:
            return  # `workers.describe` says why it cannot be used
        if near := misspelled(name, OPTIMIZER_ARGUMENTS):
            others = ", ".join(OPTIMIZER_ARGUMENTS)
            yield Problem((*path, name_key), "unknown optimizer", f"did you mean `{near}`? Use one of {others}")
        return
    for key, item in value.items():
        if key in (name_key, "lr", *arguments):
            if key not in (name_key, "lr") and isinstance(item, str) and key not in _IN_WORDS:
                example = "true" if key in _SWITCHES else "0.9"
                yield Problem((*path, key), "must not be text", f"write it without quotes, such as `{key}: {example}`")
        elif "lr" not in value and is_meant(key, "lr"):
            continue
        elif pointers(key, ("lr",)):
            yield Problem((*path, key), f"unknown argument of `{name}`", "use `lr`", at_key=True)
        elif key in RecipeSpec.model_fields or difflib.get_close_matches(key, arguments, n=1):
            yield _unknown_argument((*path, key), name, closest(key, arguments), arguments)


def key_of_name(mapping: Mapping[str, object]) -> str:
    """The key that has the name of a mapping: `name`, or if it lacks that, the key that most likely stands for it."""
    return "name" if "name" in mapping else next((key for key in mapping if is_meant(key, "name")), "name")


def _check_key_of_name(path: KeyPath, key: str) -> Iterator[Problem]:
    if key != "name":
        yield Problem((*path, key), "unknown key", "use `name`", at_key=True, stands_for="name")


def _unknown_argument(path: KeyPath, name: str, hint: str, arguments: Iterable[str]) -> Problem:
    """An argument that may belong to another level of the file, unless it is misspelled."""
    near = next(iter(difflib.get_close_matches(str(path[-1]), list(arguments), n=1)), "")
    message = f"unknown argument of `{name}`"
    return Problem(path, message, hint, at_key=True, is_unknown_key=not near, stands_for=near)


def check_own(path: KeyPath, name: str) -> Iterator[Problem]:
    """A name with a colon must be a valid function name; whether the function exists, `workers.describe` finds out."""
    file, _, function = name.rpartition(":")
    if file.endswith(".py") or "/" in file:
        yield Problem(path, "must name a module, not a file", f"write `{_module(file)}:{function}`")
    elif not is_own(name):
        yield Problem(
            path, "is not a valid function name", "write `module:function`, such as `my_package.models:build`"
        )


def _meant(name: str, entries: Mapping[str, Entry], kind: str) -> str:
    """The hint for an unknown name."""
    if own := _as_own(name):
        return f"write `{own}` if it is your own function"
    if "/" in name and "image_folder" in entries:
        return f"write `{{name: image_folder, path: {name}}}` for a folder of images"
    module = name if name.isidentifier() and not misspelled(name, entries) else "module"
    return f"{closest(name, entries)}; your own: `{module}:{_FUNCTIONS.get(kind, 'function')}`"


def _as_own(name: str) -> str | None:
    """`module.function`, or the file of a module, as `module:function`; None for a name without a module."""
    module, _, function = name.rpartition(".")
    own = f"{_module(name)}:function" if function == "py" else f"{module}:{function}"
    return own if is_own(own) else None


def _module(file: str) -> str:
    """The name of the module in a file."""
    return file.removesuffix(".py").removeprefix("./").replace("/", ".")


def _types(expected: type | tuple[type, ...]) -> tuple[type, ...]:
    return expected if isinstance(expected, tuple) else (expected,)


def _fits(value: Any, expected: type | tuple[type, ...]) -> bool:
    types = _types(expected)
    if isinstance(value, bool):
        return bool in types
    return isinstance(value, types)


def _words(expected: type | tuple[type, ...]) -> str:
    types = _types(expected)
    return " or ".join(_WORDS[kind] for kind in types if not (kind is int and float in types))


def _example(expected: type | tuple[type, ...]) -> str:
    return _EXAMPLES[_types(expected)[-1]]
