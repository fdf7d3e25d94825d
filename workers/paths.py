"""Paths as people write them: `~/data`, `~user/data`, `$DATA/images`, `${DATA}/images`."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from workers.errors import InputError

_ONE_SLASH = re.compile(r"(file|s3|gs|gcs|az|abfs|abfss):/(?!/)")
_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})", re.ASCII)


def is_uri(location: str) -> bool:
    """Whether a location is `scheme://...`, such as a bucket, rather than a path."""
    return "://" in location


def expanded(location: str | os.PathLike[str]) -> str:
    """A path with its home folder and environment variables in place; URIs stay as they are.

    A file whose name has a `$` and no variable of that name can be named as it is, if it exists.
    Raises InputError for a variable that is not set, for the home of an unknown user, for what is not a path, and for
    an address with one slash, which would be a folder here.
    """
    if not isinstance(location, str | os.PathLike):
        raise InputError(
            f"a path or an address must be text or a `Path`: {type(location).__name__}",
            hint="name a file, a folder or a bucket",
        )
    path = os.fspath(location)
    if is_uri(path):
        return path
    if (mistyped := _ONE_SLASH.match(path)) and not os.path.lexists(mistyped[0]):
        raise InputError(
            f"an address must begin with `{mistyped[1]}://`: {path}",
            hint=f"add the second slash, or write `./{path}` for a folder of that name",
        )
    return _with_variables(_with_home(path))


def file_to_write(location: str | os.PathLike[str]) -> Path:
    """The expanded path of a file to write. Raises InputError for a folder, and as `expanded` does."""
    path = Path(expanded(location))
    if path.is_dir():
        raise InputError(f"the file to write cannot be a folder: {path}", hint="name a file in it")
    return path


def temporary_folder() -> Path:
    """Where this user's processes keep temporary files on this machine; it may be missing, or be somebody else's."""
    return Path(tempfile.gettempdir(), f"prunesweep-{os.getuid()}")


def _with_home(path: str) -> str:
    if not path.startswith("~"):
        return path
    with_home = os.path.expanduser(path)
    if with_home == path and not os.path.lexists(path):
        user = path.partition("/")[0]
        raise InputError(
            f"home folder not found: {user}", hint=f"name an existing user, or write `./{path}` for a file of that name"
        )
    return with_home


def _with_variables(path: str) -> str:
    names = [bare or braced for bare, braced in _VARIABLE.findall(path)]
    unset = [name for name in names if name not in os.environ]
    if unset and os.path.lexists(path):
        return path
    if unset:
        raise InputError(
            f"environment variable of path `{path}` is not set: {unset[0]}",
            hint=f"set it (`export {unset[0]}=...`), or write the whole path",
        )
    return _VARIABLE.sub(lambda match: os.environ[match[1] or match[2]], path)
