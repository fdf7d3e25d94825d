"""Opening the files at a location: a local path or a URI."""

from __future__ import annotations

import os
from pathlib import Path

from workers.errors import InputError
from workers.paths import expanded, is_uri
from workers.store.files import Files
from workers.store.local import LocalFiles


def absolute(location: str) -> str:
    """A location that depends neither on the current folder nor on the environment."""
    return location if is_uri(location) else str(Path(expanded(location)).absolute())


def open_files(location: str | os.PathLike[str]) -> Files:
    """The files at a local path or a URI (`s3://bucket/prefix`, `gs://...`, `file:///...`)."""
    text = expanded(location)
    if not is_uri(text):
        return LocalFiles(Path(text))
    import pyarrow as pa
    import pyarrow.fs as fs

    from workers.store.bucket import ArrowFiles

    try:
        filesystem, path = fs.FileSystem.from_uri(text)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"store `{text}`: pyarrow.fs cannot open it: {error}") from error
    if isinstance(filesystem, fs.LocalFileSystem):
        return LocalFiles(Path(path))
    return ArrowFiles(filesystem, path)
