"""Files of a store, by relative path, on any filesystem: atomic writes and exclusive publication.

`LocalFiles` is for local disks and NFS (write beside, fsync, link or rename); `ArrowFiles` for whatever
pyarrow.fs reaches (S3, GCS, ...), where one PUT is atomic.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from workers.crashpoints import crash_point
from workers.errors import InputError

_HIDDEN = "."  # names that begin with it are half-written files of somebody else
_TEMPORARY = ".tmp"


class Files(Protocol):
    """The operations a store needs. Paths are relative, with `/`; a missing file raises FileNotFoundError."""

    def read(self, path: str) -> bytes: ...

    def tail(self, path: str, size: int) -> bytes:
        """The last bytes of a file, at most `size` of them."""

    def write(self, path: str, data: bytes, durable: bool = True) -> None:
        """Create or replace a file in one step: readers see the old or the new content, whole.

        What is not `durable` may be lost if the machine loses power; writing it does not wait for the disk.
        """

    def publish(self, path: str, data: bytes) -> bool:
        """Create a file in one step unless it is there; False if it was."""

    def exists(self, path: str) -> bool: ...

    def names(self, folder: str) -> list[str]:
        """Names of the complete entries of a folder, sorted; none if there is no such folder."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each complete file anywhere under a folder, by path."""

    def delete(self, path: str) -> None:
        """Delete a file, if it is there."""

    def move(self, path: str, target: str) -> None:
        """Give a file another place, which nothing has yet."""

    def temporaries(self) -> dict[str, float]:
        """Half-written files that somebody left or is writing just now: path to age in seconds."""

    def free_bytes(self) -> int | None:
        """Room left, where that is known."""


def open_files(location: str | os.PathLike[str]) -> Files:
    """The files at a local path or a URI (`s3://bucket/prefix`, `gs://...`, `file:///...`)."""
    text = os.fspath(location)
    if "://" not in text:
        return LocalFiles(Path(text))
    import pyarrow as pa
    import pyarrow.fs as fs

    try:
        filesystem, path = fs.FileSystem.from_uri(text)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"store `{text}`: not a location that pyarrow.fs can open: {error}") from error
    if isinstance(filesystem, fs.LocalFileSystem):
        return LocalFiles(Path(path))
    return ArrowFiles(filesystem, path)


class LocalFiles:
    """Files under a local or NFS folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def read(self, path: str) -> bytes:
        with self._open(path) as file:
            return file.read()

    def tail(self, path: str, size: int) -> bytes:
        with self._open(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return file.read(size)

    def write(self, path: str, data: bytes, durable: bool = True) -> None:
        temporary = self._write_beside(path, data, durable)
        try:
            os.replace(temporary, self.root / path)
            crash_point("file.replaced")
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            _sync_folder(temporary.parent)

    def publish(self, path: str, data: bytes) -> bool:
        target = self.root / path
        if target.exists():
            return False
        temporary = self._write_beside(path, data)
        try:
            os.link(temporary, target)
            crash_point("file.linked")
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK):
                raise
            temporary.replace(target)  # no hard links here: atomic, though two writers may both succeed
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(target.parent)
        return True

    def exists(self, path: str) -> bool:
        return (self.root / path).exists()

    def names(self, folder: str) -> list[str]:
        try:
            names = os.listdir(self.root / folder)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name for name in names if not name.startswith(_HIDDEN))

    def sizes(self, folder: str) -> dict[str, int]:
        found = {}
        for directory, _, names in os.walk(self.root / folder):
            prefix = f"{directory}/".removeprefix(f"{self.root}/")
            for name in names:
                if name.startswith(_HIDDEN):
                    continue
                with contextlib.suppress(FileNotFoundError):  # deleted or renamed meanwhile
                    found[prefix + name] = os.lstat(f"{directory}/{name}").st_size
        return found

    def delete(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)

    def move(self, path: str, target: str) -> None:
        (self.root / target).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).rename(self.root / target)

    def temporaries(self) -> dict[str, float]:
        found = {}
        for path in self.root.rglob(f"{_HIDDEN}*{_TEMPORARY}"):
            with contextlib.suppress(FileNotFoundError):  # renamed meanwhile
                found[path.relative_to(self.root).as_posix()] = max(0.0, time.time() - path.lstat().st_mtime)
        return found

    def free_bytes(self) -> int | None:
        folder = self.root
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def _open(self, path: str) -> BinaryIO:
        descriptor = os.open(self.root / path, os.O_RDONLY | os.O_NOFOLLOW)  # a link could lead out of the store
        return open(descriptor, "rb")

    def _write_beside(self, path: str, data: bytes, durable: bool = True) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f"{_HIDDEN}{secrets.token_hex(8)}{_TEMPORARY}"
        try:
            with open(temporary, "xb") as file:
                crash_point("file.created")
                file.write(data)
                file.flush()
                crash_point("file.written")
                if durable:
                    os.fsync(file.fileno())
            crash_point("file.synced")
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def __repr__(self) -> str:
        return str(self.root)


class ArrowFiles:
    """Files under a prefix of a pyarrow filesystem."""

    def __init__(self, filesystem: Any, root: str) -> None:
        self.filesystem = filesystem
        self.root = root.rstrip("/")

    def read(self, path: str) -> bytes:
        with self.filesystem.open_input_file(self._at(path)) as file:
            data: bytes = file.read()
        return data

    def tail(self, path: str, size: int) -> bytes:
        with self.filesystem.open_input_file(self._at(path)) as file:
            file.seek(max(0, file.size() - size))
            data: bytes = file.read(size)
        return data

    def write(self, path: str, data: bytes, durable: bool = True) -> None:
        target = self._at(path)
        self.filesystem.create_dir(target.rsplit("/", 1)[0], recursive=True)
        with self.filesystem.open_output_stream(target) as file:
            file.write(data)

    def publish(self, path: str, data: bytes) -> bool:
        # pyarrow offers no conditional PUT. Two writers at once write equal result columns, so the last one wins.
        if self.exists(path):
            return False
        self.write(path, data)
        return True

    def exists(self, path: str) -> bool:
        import pyarrow.fs as fs

        info = self.filesystem.get_file_info(self._at(path))
        return bool(info.type != fs.FileType.NotFound)

    def names(self, folder: str) -> list[str]:
        names = (info.base_name for info in self._infos(folder, recursive=False))
        return sorted(name for name in names if not name.startswith(_HIDDEN))

    def sizes(self, folder: str) -> dict[str, int]:
        return {
            info.path[len(self.root) + 1 :]: info.size
            for info in self._infos(folder, recursive=True)
            if info.is_file and not info.base_name.startswith(_HIDDEN)
        }

    def delete(self, path: str) -> None:
        if self.exists(path):
            self.filesystem.delete_file(self._at(path))

    def move(self, path: str, target: str) -> None:
        self.filesystem.create_dir(self._at(target).rsplit("/", 1)[0], recursive=True)
        self.filesystem.move(self._at(path), self._at(target))

    def temporaries(self) -> dict[str, float]:
        return {}  # an upload that was not completed is nobody's file

    def free_bytes(self) -> int | None:
        return None

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}"

    def _infos(self, folder: str, *, recursive: bool) -> list[Any]:
        import pyarrow.fs as fs

        selector = fs.FileSelector(self._at(folder), allow_not_found=True, recursive=recursive)
        infos: list[Any] = self.filesystem.get_file_info(selector)
        return infos

    def __repr__(self) -> str:
        return f"{getattr(self.filesystem, 'type_name', 'filesystem')}://{self.root}"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
