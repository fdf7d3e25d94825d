"""Files of a store in a bucket that pyarrow.fs reaches (S3, GCS, ...), where a PUT is atomic and links do not exist.

pyarrow tries a request again for up to 15 minutes and cannot be interrupted meanwhile, so every request is made in a
thread and has a deadline of ours.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from workers.store.files import FILE_SYSTEMS_OWN, HIDDEN, Kind
from workers.waiting import ANSWER_SECONDS, within

T = TypeVar("T")

REQUEST_SECONDS = 120.0
"""How long a request may take once the bucket has answered: a long listing, or a part of a state."""

_PART = 8_000_000  # bytes that are read or written in one request


class ArrowFiles:
    """Files under a prefix of a pyarrow filesystem. The first answer may take `seconds`.

    Raises NoAnswer, which is an OSError, if the bucket does not answer in time.
    """

    def __init__(self, filesystem: Any, root: str, seconds: float = ANSWER_SECONDS) -> None:
        self.filesystem = filesystem
        self.root = root.rstrip("/")
        self._seconds = seconds

    def read(self, path: str) -> bytes:
        return self._read(path, None)

    def tail(self, path: str, size: int) -> bytes:
        return self._read(path, size)

    def write(self, path: str, data: bytes, durable: bool = True) -> None:
        target = self._at(path)
        self._ask(lambda: self.filesystem.create_dir(target.rsplit("/", 1)[0], recursive=True))
        file = self._ask(lambda: self.filesystem.open_output_stream(target))
        for begin in range(0, len(data), _PART):
            self._ask(partial(file.write, data[begin : begin + _PART]))
        self._ask(file.close)

    def publish(self, path: str, data: bytes) -> bool:
        # pyarrow has no conditional PUT. Of two writers at once the last one wins; their result columns are equal.
        if self._type(path) != "NotFound":
            return False
        self.write(path, data)
        return True

    def exists(self, path: str) -> bool:
        return self._type(path) == "File"

    def names(self, folder: str) -> list[str]:
        names = (info.base_name for info in self._infos(folder, recursive=False))
        return sorted(name for name in names if not name.startswith(HIDDEN))

    def kinds(self, folder: str) -> dict[str, Kind]:
        kinds: dict[str, Kind] = {
            info.base_name: "file" if info.is_file else "folder"
            for info in self._infos(folder, recursive=False)
            if not info.base_name.startswith(FILE_SYSTEMS_OWN)
        }
        return dict(sorted(kinds.items()))

    def sizes(self, folder: str) -> dict[str, int]:
        return {
            info.path[len(self.root) + 1 :]: info.size
            for info in self._infos(folder, recursive=True)
            if info.is_file and not info.base_name.startswith(HIDDEN)
        }

    def delete(self, path: str) -> None:
        if self.exists(path):
            self._ask(lambda: self.filesystem.delete_file(self._at(path)))

    def move(self, path: str, target: str) -> None:
        if self._type(target) != "NotFound":
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        if self._type(path) == "Directory":  # a bucket cannot move folders
            for info in self._infos(path, recursive=False):
                self.move(f"{path}/{info.base_name}", f"{target}/{info.base_name}")
            self._ask(lambda: self.filesystem.delete_dir(self._at(path)))
            return
        self._ask(lambda: self.filesystem.create_dir(self._at(target).rsplit("/", 1)[0], recursive=True))
        self._ask(lambda: self.filesystem.move(self._at(path), self._at(target)))

    def temporaries(self) -> dict[str, float]:
        return {}  # an unfinished upload does not become a file

    def free_bytes(self) -> int | None:
        return None

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}"

    def _type(self, path: str) -> str:
        """`File`, `Directory` or `NotFound`."""
        name: str = self._ask(lambda: self.filesystem.get_file_info(self._at(path))).type.name
        return name

    def _infos(self, folder: str, *, recursive: bool) -> list[Any]:
        import pyarrow.fs as fs

        selector = fs.FileSelector(self._at(folder), allow_not_found=True, recursive=recursive)
        infos: list[Any] = self._ask(lambda: self.filesystem.get_file_info(selector))
        return infos

    def _read(self, path: str, size: int | None) -> bytes:
        """A file, or its last `size` bytes."""
        file = self._ask(lambda: self.filesystem.open_input_file(self._at(path)))
        total = self._ask(file.size)
        begin = 0 if size is None else max(0, total - size)
        self._ask(partial(file.seek, begin))
        parts = [self._ask(partial(file.read, _PART)) for _ in range(begin, total, _PART)]
        self._ask(file.close)
        return b"".join(parts)

    def _ask(self, request: Callable[[], T]) -> T:
        answer = within(self._seconds, request)
        self._seconds = max(self._seconds, REQUEST_SECONDS)
        return answer

    def __repr__(self) -> str:
        return f"{getattr(self.filesystem, 'type_name', 'filesystem')}://{self.root}"
