"""Opening the files at a location: a local path or a URI."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from workers.errors import InputError, StoreError
from workers.paths import expanded, is_uri
from workers.store.filesystems.files import Files
from workers.store.filesystems.local import LocalFiles
from workers.waiting import ANSWER_SECONDS, NoAnswer, within

_GOOGLE = "credentials (`gcloud auth application-default login`, or $GOOGLE_APPLICATION_CREDENTIALS)"
_AZURE = "credentials (`az login`, or $AZURE_STORAGE_ACCOUNT_NAME and $AZURE_STORAGE_ACCOUNT_KEY)"
_CREDENTIALS = {
    "s3": "credentials (`aws configure`, or $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY), the region",
    "gs": _GOOGLE,
    "gcs": _GOOGLE,
    "az": _AZURE,
    "abfs": _AZURE,
    "abfss": _AZURE,
}


def absolute(location: str) -> str:
    """A location that depends neither on the current folder nor on the environment."""
    return location if is_uri(location) else str(Path(expanded(location)).absolute())


def open_files(location: str | os.PathLike[str], seconds: float = ANSWER_SECONDS) -> Files:
    """The files at a local path or a URI (`s3://bucket/prefix`, `gs://...`, `az://...`, `file:///...`).

    A bucket may take `seconds` for its first answer. Raises InputError for an unknown URI and where obstore is missing,
    StoreError without an answer.
    """
    text = expanded(location)
    if not is_uri(text):
        return LocalFiles(Path(text))
    address = urlsplit(text)
    if address.scheme == "file":
        return LocalFiles(Path(unquote(address.path)))
    if address.scheme not in _CREDENTIALS:
        schemes = ", ".join(f"`{scheme}://`" for scheme in ("file", *_CREDENTIALS))
        raise InputError(f"store `{text}`: its scheme is unknown: {address.scheme}", hint=f"use a path or {schemes}")
    try:
        import obstore.store
    except ImportError as error:
        raise InputError(
            f"store `{text}`: buckets need a package that is not installed: obstore",
            hint="install it with `pip install 'prunesweep[cloud]'`, on every machine",
        ) from error

    from workers.store.filesystems.bucket import BucketFiles
    from workers.store.filesystems.bucket_settings import settings

    try:
        options = within(seconds, lambda: settings(text))
        plain = address._replace(scheme={"gcs": "gs"}.get(address.scheme, address.scheme), query="").geturl()
        return BucketFiles(obstore.store.from_url(plain, **options), text, seconds)
    except NoAnswer as error:
        raise StoreError(f"store `{text}`: cannot open it: {error}", hint=bucket_hint(text)) from error
    except obstore.exceptions.BaseError as error:
        reason = str(error).splitlines()[0]  # Rust's own words follow
        raise InputError(f"store `{text}`: cannot open it: {reason}", hint=bucket_hint(text)) from error


def is_bucket(location: str) -> bool:
    """Whether a location is in a bucket, which is read over the network by requests that cost."""
    return is_uri(location) and urlsplit(location).scheme != "file"


def unwritable(location: str, error: OSError) -> StoreError:
    """The error for a store in which no file can be written."""
    hint = bucket_hint(location) or "choose a folder that you can write to, on a disk with room"
    return StoreError(f"store `{location}`: cannot write: {error.strerror or error}", hint=hint)


def bucket_hint(location: str) -> str:
    """What to check if a bucket does not answer; empty for a path."""
    if not is_uri(location):
        return ""
    scheme = location.partition("://")[0]
    credentials = _CREDENTIALS.get(scheme, "credentials")
    return f"check the name of the bucket, the {credentials}, and the network"
