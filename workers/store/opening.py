"""Opening the files at a location: a local path or a URI."""

from __future__ import annotations

import os
from pathlib import Path

from workers.errors import InputError, StoreError
from workers.paths import expanded, is_uri
from workers.store.files import Files
from workers.store.local import LocalFiles
from workers.waiting import ANSWER_SECONDS, NoAnswer, within

_GOOGLE = "credentials (`gcloud auth application-default login`, or $GOOGLE_APPLICATION_CREDENTIALS)"
_CREDENTIALS = {
    "s3": "credentials (`aws configure`, or $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY), the region",
    "gs": _GOOGLE,
    "gcs": _GOOGLE,
}


def absolute(location: str) -> str:
    """A location that depends neither on the current folder nor on the environment."""
    return location if is_uri(location) else str(Path(expanded(location)).absolute())


def open_files(location: str | os.PathLike[str], seconds: float = ANSWER_SECONDS) -> Files:
    """The files at a local path or a URI (`s3://bucket/prefix`, `gs://...`, `file:///...`).

    A bucket may take `seconds` for its first answer. Raises InputError for an unknown URI, StoreError
    without an answer.
    """
    text = expanded(location)
    if not is_uri(text):
        return LocalFiles(Path(text))
    import pyarrow as pa
    import pyarrow.fs as fs

    from workers.store.bucket import ArrowFiles

    try:
        filesystem, path = within(seconds, lambda: fs.FileSystem.from_uri(text))  # asks for the region of a bucket
    except NoAnswer as error:
        raise StoreError(f"store `{text}`: cannot open it: {error}", hint=bucket_hint(text)) from error
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"store `{text}`: pyarrow.fs cannot open it: {error}") from error
    if isinstance(filesystem, fs.LocalFileSystem):
        return LocalFiles(Path(path))
    return ArrowFiles(filesystem, path, seconds)


def bucket_hint(location: str) -> str:
    """What to check if a bucket does not answer; empty for a path."""
    if not is_uri(location):
        return ""
    scheme = location.partition("://")[0]
    credentials = _CREDENTIALS.get(scheme, "credentials")
    return f"check the name of the bucket, the {credentials}, and the network"
