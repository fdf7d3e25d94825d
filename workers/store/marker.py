"""What makes a folder or bucket a store: its marker, `store.json`, and folders at the top that are no links."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from workers.errors import MissingStore, StoreError
from workers.store.files import Files, NotAFile
from workers.store.layout import FOLDERS, MARKER

FORMAT = 1

_MISSING = "is missing"


def check(
    files: Files, location: str, plainly_a_store: Callable[[], bool], *, create: bool, unmarked: bool
) -> str | None:
    """Look whether a place is a store; with `create`, make it one if it is empty.

    Returns what is wrong with the marker of what is `plainly_a_store` nevertheless, if that may be `unmarked`, else
    None. Raises StoreError for everything else that is no store, or one of a newer version.
    """
    try:
        _check_folders(files, location)
        problem = _marker_problem(files, location)
        if problem is not None and not plainly_a_store():
            _initialise(files, location, problem, create)
            problem = None
    except NotADirectoryError as error:
        raise StoreError(
            f"store `{location}` is a file, or lies within one", hint="name another place; it is a folder"
        ) from error
    except OSError as error:
        raise StoreError(f"store `{location}`: cannot read it: {error}") from error
    if problem is not None and not unmarked:
        raise StoreError(
            f"store `{location}`: its `{MARKER}` {problem}", hint="`prunesweep verify --repair` writes it anew"
        )
    return problem


def write_marker(files: Files) -> None:
    """Make a folder a store of this version's format."""
    files.write(MARKER, json.dumps({"format": FORMAT}).encode())


def _check_folders(files: Files, location: str) -> None:
    for name, kind in files.kinds("").items():
        if name in FOLDERS and kind != "folder":
            remedy = f"move it away; `{name}` is made anew"
            if kind == "link":
                remedy = "move the whole store and link to that, or mount the other disk in the link's place"
            raise StoreError(f"store `{location}`: `{name}` is a {kind}, not a folder", hint=remedy)


def _marker_problem(files: Files, location: str) -> str | None:
    """What is wrong with the marker. Raises StoreError where it says, damaged or not, that a newer version wrote it."""
    try:
        data = files.read(MARKER)
    except FileNotFoundError:
        return _MISSING
    except NotAFile as error:
        return str(error)
    if _format(data) in range(1, FORMAT + 1):
        return None
    said = re.search(rb'"format"\W*(\d{1,9})', data)
    if said and int(said[1]) > FORMAT:
        raise StoreError(
            f"store `{location}` has format {int(said[1])}, and this version of prunesweep reads up to {FORMAT}",
            hint="install a newer prunesweep; the store is left untouched",
        )
    return "is damaged: it names no format"


def _format(data: bytes) -> Any:
    try:
        marker = json.loads(data)
    except (ValueError, RecursionError):
        return None
    found = marker.get("format") if isinstance(marker, dict) else None
    return found if type(found) is int else None


def _initialise(files: Files, location: str, problem: str, create: bool) -> None:
    if problem != _MISSING:
        raise StoreError(
            f"store `{location}`: its `{MARKER}` {problem}",
            hint="nothing else in it can be read either; choose another folder for the store",
        )
    if not create:
        raise MissingStore(
            f"`{location}` is not a prunesweep store: it has no `{MARKER}`",
            hint="name the folder that `prunesweep run` wrote to, with `--store` or $PRUNESWEEP_STORE",
        )
    if others := files.names(""):
        raise StoreError(
            f"`{location}` is not a prunesweep store and not empty (it has `{others[0]}`)",
            hint="choose a new folder for the store",
        )
    try:
        write_marker(files)
    except OSError as error:
        raise StoreError(f"store `{location}`: cannot write: {error}") from error
