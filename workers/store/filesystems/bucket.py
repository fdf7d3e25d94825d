"""Files of a store in a bucket (S3, Google Cloud Storage, Azure), by obstore: a PUT is atomic and may be conditional.

Every request is made in a thread and has a deadline, because native code cannot be interrupted. obstore repeats what
fails in passing, with growing pauses. A PUT whose answer was lost is repeated too, and then finds its own data: that
counts as having written them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from workers.store.filesystems.files import FILE_SYSTEMS_OWN, HIDDEN, Kind, Version
from workers.waiting import ANSWER_SECONDS, within

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import ObjectStore

T = TypeVar("T")

REQUEST_SECONDS = 120.0
"""How long a request and its repetitions may take once the bucket has answered."""

_PART = 16_000_000  # bytes that are read in one request

BYTES_A_SECOND = 1_000_000
"""The slowest upload that is waited for: large files have that much more time."""

_RETRIES = re.compile(r" in \S+, after \d+ retries, max_retries: \d+, retry_timeout: \S+ ")
_NO_BUCKET = ("NoSuchBucket", "The specified bucket does not exist", "ContainerNotFound")  # S3, Google, Azure


class BucketFiles:
    """Files in an obstore `bucket`, which begins at the store's prefix. The first answer may take `seconds`.

    Raises NoAnswer, which is an OSError, if the bucket does not answer in time.
    """

    def __init__(self, bucket: ObjectStore, location: str, seconds: float = ANSWER_SECONDS) -> None:
        self.bucket = bucket
        self.location = location
        self._seconds = seconds

    def read(self, path: str) -> bytes:
        return self.read_version(path)[0]

    def read_version(self, path: str) -> tuple[bytes, Version]:
        from obstore.exceptions import PreconditionError

        while True:
            answer = self._ask(lambda: self.bucket.get(path))
            version = {name: answer.meta[name] for name in ("e_tag", "version") if answer.meta[name]}
            with contextlib.suppress(PreconditionError):  # another process replaced the file between two parts
                return self._body(path, answer), version

    def _body(self, path: str, answer: GetResult) -> bytes:
        """The whole content of a file; in parts if it is large, so that each request is short and can be repeated."""
        size, e_tag = answer.meta["size"], answer.meta["e_tag"]
        if size <= _PART:
            return self._ask(partial(_content, answer))
        ranges = [(begin, min(begin + _PART, size)) for begin in range(0, size, _PART)]
        return b"".join(self._ask(partial(self._part, path, bounds, e_tag)) for bounds in ranges)

    def _part(self, path: str, bounds: tuple[int, int], e_tag: str | None) -> bytes:
        return _content(self.bucket.get(path, options={"range": bounds, "if_match": e_tag}))

    def tail(self, path: str, size: int) -> bytes:
        try:
            return self._ask(lambda: _content(self.bucket.get(path, options={"range": {"suffix": size}})))
        except FileNotFoundError:
            raise
        except OSError:  # an empty file has no last bytes
            return self.read(path)[-size:]

    def write(self, path: str, data: bytes, durable: bool = True) -> None:
        self._ask(lambda: self.bucket.put(path, data), len(data))

    def publish(self, path: str, data: bytes) -> bool:
        from obstore.exceptions import AlreadyExistsError

        try:
            self._ask(lambda: self.bucket.put(path, data, mode="create"), len(data))
        except AlreadyExistsError:
            return self._holds(path, data)
        return True

    def replace(self, path: str, data: bytes, version: Version) -> bool:
        from obstore.exceptions import PreconditionError

        try:
            self._ask(lambda: self.bucket.put(path, data, mode=version), len(data))
        except (PreconditionError, FileNotFoundError):
            return self._holds(path, data)
        return True

    def remove(self, path: str, version: Version) -> bool:
        return self.replace(path, b"", version)  # no bucket of all three kinds deletes on a condition

    def exists(self, path: str) -> bool:
        try:
            self._ask(lambda: self.bucket.head(path))
        except FileNotFoundError:
            return False
        return True

    def names(self, folder: str) -> list[str]:
        return [name for name in self._entries(folder) if not name.startswith(HIDDEN)]

    def kinds(self, folder: str) -> dict[str, Kind]:
        return {name: kind for name, kind in self._entries(folder).items() if not name.startswith(FILE_SYSTEMS_OWN)}

    def sizes(self, folder: str) -> dict[str, int]:
        objects = self._ask(lambda: self.bucket.list(folder or None).collect())
        sizes = {item["path"]: item["size"] for item in objects if item["path"] != folder}
        return {path: sizes[path] for path in sorted(sizes) if not _name(path).startswith(HIDDEN)}

    def delete(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._ask(lambda: self.bucket.delete(path))

    def move(self, path: str, target: str) -> None:
        for taken in _with_parents(target):
            if self.exists(taken):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), taken)
        if self._entries(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        if self.exists(path):
            self._ask(lambda: self.bucket.rename(path, target))
            return
        for item in self._ask(lambda: self.bucket.list(path).collect()):
            self._ask(partial(self.bucket.rename, item["path"], target + item["path"].removeprefix(path)))

    def temporaries(self) -> dict[str, float]:
        return {}  # an unfinished upload does not become a file

    def free_bytes(self) -> int | None:
        return None

    def _holds(self, path: str, data: bytes) -> bool:
        """Whether a file is exactly as it was to be written."""
        try:
            return self.read(path) == data
        except FileNotFoundError:
            return False

    def _entries(self, folder: str) -> dict[str, Kind]:
        """What is in a folder, sorted. Other tools mark a folder by an empty file of its name, which does not count."""
        listing = self._ask(lambda: self.bucket.list_with_delimiter(folder or None))
        kinds: dict[str, Kind] = {_name(path): "folder" for path in listing["common_prefixes"]}
        kinds |= {_name(item["path"]): "file" for item in listing["objects"] if item["path"] != folder}
        return dict(sorted(kinds.items()))

    def _ask(self, request: Callable[[], T], size: int = 0) -> T:
        with _as_os_errors():
            answer = within(self._seconds + size // BYTES_A_SECOND, request)
        self._seconds = max(self._seconds, REQUEST_SECONDS)
        return answer

    def __repr__(self) -> str:
        return self.location


@contextlib.contextmanager
def _as_os_errors() -> Iterator[None]:
    """Raise what obstore raises as an OSError of one line, but for conditions that do not hold."""
    from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, PreconditionError

    try:
        yield
    except (AlreadyExistsError, PreconditionError):
        raise
    except FileNotFoundError as error:
        if any(words in str(error) for words in _NO_BUCKET):
            raise OSError(errno.ENXIO, "the bucket does not exist") from error
        raise
    except PermissionDeniedError as error:
        raise PermissionError(errno.EACCES, _reason(error)) from error
    except BaseError as error:
        no_bucket = any(words in str(error) for words in _NO_BUCKET)
        raise OSError(errno.EIO, "the bucket does not exist" if no_bucket else _reason(error)) from error


def _reason(error: Exception) -> str:
    """What people can read of an obstore error: the server's XML and Rust's structures follow it."""
    line = str(error).partition("\n")[0].partition(": <?xml")[0]
    return _RETRIES.sub("", line).removeprefix("Generic S3 error: ").strip()


def _content(answer: GetResult) -> bytes:
    return bytes(answer.bytes())


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _with_parents(path: str) -> Iterator[str]:
    yield path
    while path := path.rpartition("/")[0]:
        yield path
