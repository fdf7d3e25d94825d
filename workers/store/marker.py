"""Whether a folder or bucket is a store: it has a marker, `store.json`, and none of its folders is a link."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from workers.errors import MissingStore, StoreError
from workers.store.filesystems.files import Files, NotAFile
from workers.store.filesystems.opening import bucket_hint, unwritable
from workers.store.layout import FOLDERS, MARKER

FORMAT = 1

_MISSING = "is missing"


def check(
    files: Files, location: str, has_anything_readable: Callable[[], bool], *, create: bool, unmarked: bool
) -> str | None:
    """Check that a location is a store; with `create`, make it one if there is nothing in it.

    A store without a sound marker is recognized if it `has_anything_readable`. If it may be `unmarked`, what is wrong
    with its marker is returned, otherwise None. Raises StoreError for anything else, and for a store of a newer
    version.
    """
    try:
        _check_folders(files, location)
        problem = _marker_problem(files, location)
        if problem is not None and not has_anything_readable():
            _initialize(files, location, problem, create)
            problem = None
    except NotADirectoryError as error:
        raise StoreError(
            f"store `{location}` is not a directory", hint="name a directory; a sweep file names its own under `store:`"
        ) from error
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"store `{location}`: cannot read it: {reason}", hint=bucket_hint(location)) from error
    if problem is not None and not unmarked:
        raise StoreError(
            f"store `{location}`: its `{MARKER}` {problem}", hint="`prunesweep verify --repair` restores it"
        )
    return problem


def write_marker(files: Files) -> None:
    """Make a folder a store of this version's format."""
    files.write(MARKER, json.dumps({"format": FORMAT}).encode())


def _check_folders(files: Files, location: str) -> None:
    for name, kind in files.kinds("").items():
        if name in FOLDERS and kind != "folder":
            hint = f"move it away; `{name}` is created again"
            if kind == "link":
                hint = "move the whole store and link to that, or mount the other disk in place of the link"
            raise StoreError(f"store `{location}`: `{name}` is a {kind}, not a folder", hint=hint)


def _is_empty_folder(files: Files, name: str) -> bool:
    """Whether a folder of a store has no file in it: a power loss may leave that of a store that had just begun."""
    return name in FOLDERS and not files.sizes(name)


def _marker_problem(files: Files, location: str) -> str | None:
    """What is wrong with the marker. Raises StoreError if it names a newer version, even if it is damaged."""
    try:
        data = files.read(MARKER)
    except FileNotFoundError:
        return _MISSING
    except NotAFile as error:
        return str(error)
    if _format(data) in range(1, FORMAT + 1):
        return None
    named = re.search(rb'"format"\W*(\d{1,9})', data)
    if named and int(named[1]) > FORMAT:
        raise StoreError(
            f"store `{location}` has format {int(named[1])}, and this version of prunesweep reads up to {FORMAT}",
            hint="install a newer prunesweep; the store is left untouched",
        )
    return "is damaged: it does not name a format"


def _format(data: bytes) -> Any:
    try:
        marker = json.loads(data)
    except (ValueError, RecursionError):
        return None
    version = marker.get("format") if isinstance(marker, dict) else None
    return version if type(version) is int else None


def _initialize(files: Files, location: str, problem: str, create: bool) -> None:
    if problem != _MISSING:
        raise StoreError(
            f"store `{location}`: its `{MARKER}` {problem}",
            hint="no other file in it is readable; choose another folder for the store",
        )
    if not create:
        raise MissingStore(
            f"`{location}` is not a prunesweep store: it has no `{MARKER}`",
            hint="name the folder that `prunesweep run` wrote to, or set $PRUNESWEEP_STORE to it",
        )
    if entries := [name for name in files.names("") if not _is_empty_folder(files, name)]:
        raise StoreError(
            f"`{location}` is not a prunesweep store and not empty: it has `{entries[0]}`",
            hint="choose an empty or a new folder for the store",
        )
    try:
        write_marker(files)
    except OSError as error:
        raise unwritable(location, error) from error
