"""Files that a person asks for: tables, figures, pages, sweep files."""

from __future__ import annotations

import os
from pathlib import Path

from workers.errors import InputError
from workers.store.filesystems.local import LocalFiles


def write_output(path: Path, data: bytes) -> None:
    """Write a file in one step, with its folders; links, devices and pipes stay what they are.

    Raises InputError if that is not possible.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():  # a file would take the place of a device
            target.write_bytes(data)
        else:
            LocalFiles(target.parent).write(target.name, data)
    except OSError as error:
        raise InputError(
            f"cannot write `{path}`: {reason_of(error, target.parent)}",
            hint="name a file in a folder that you can write to",
        ) from error


def reason_of(error: OSError, folder: str | os.PathLike[str]) -> str:
    """Why nothing can be written to a folder."""
    path = Path(folder).absolute()
    file = next((part for part in (path, *path.parents) if part.is_file()), None)
    return f"`{file}` is a file, not a folder" if file is not None else error.strerror or str(error)
