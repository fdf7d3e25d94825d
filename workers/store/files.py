"""Files of a store, by relative path, on any filesystem: atomic writes and exclusive publication.

`LocalFiles` is for local disks and NFS (write beside, fsync, link or rename); `workers.store.bucket` for whatever
pyarrow.fs reaches (S3, GCS, ...), where one PUT is atomic.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from workers.crashpoints import crash_point
from workers.errors import InputError

Kind = Literal["file", "folder", "link", "pipe, socket or device"]
_SPECIAL: Kind = "pipe, socket or device"

HIDDEN = "."  # names that begin with it are half-written files of somebody else
_TEMPORARY = ".tmp"
FILE_SYSTEMS_OWN = (".nfs", "lost+found")  # how names begin that NFS and ext4 use themselves


class NotAFile(OSError):
    """At the path of a file there is something else: a folder, a link, a pipe, a socket or a device."""


class Files(Protocol):
    """The operations a store needs. Paths are relative, with `/`; a missing file raises FileNotFoundError.

    Links below the folders at the top are never followed, and what is no file is never opened.
    """

    def read(self, path: str) -> bytes:
        """The content of a file. Raises NotAFile for anything else."""

    def tail(self, path: str, size: int) -> bytes:
        """The last bytes of a file, at most `size` of them."""

    def write(self, path: str, data: bytes, durable: bool = True) -> None:
        """Create or replace a file in one step: readers see the old or the new content, whole.

        What is not `durable` may be lost if the machine loses power; writing it does not wait for the disk.
        """

    def publish(self, path: str, data: bytes) -> bool:
        """Create a file in one step unless it, or anything else, is there; False if it was."""

    def exists(self, path: str) -> bool:
        """Whether there is a file at a path; a folder or a link is none."""

    def names(self, folder: str) -> list[str]:
        """Names of the complete entries of a folder, sorted, whatever they are; none if there is no such folder."""

    def kinds(self, folder: str) -> dict[str, Kind]:
        """What each entry of a folder is, by name, sorted, hidden ones too; empty if there is no such folder."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each complete file anywhere under a folder, by path."""

    def delete(self, path: str) -> None:
        """Delete a file, if it is there."""

    def move(self, path: str, target: str) -> None:
        """Give anything, a folder or a link too, another place.

        Raises FileExistsError or NotADirectoryError where that is taken, or lies within a file.
        """

    def temporaries(self) -> dict[str, float]:
        """Half-written files that somebody left or is writing just now: path to age in seconds."""

    def free_bytes(self) -> int | None:
        """Room left, where that is known."""


def walk(
    files: Files, folder: str = "", enter: Callable[[str], bool] = lambda path: True
) -> Iterator[tuple[str, Kind]]:
    """The path of everything under a folder, hidden and strange things too, and what it is.

    A folder comes before what is in it, which is left out unless one is to `enter` it.
    """
    for name, kind in files.kinds(folder).items():
        path = f"{folder}/{name}".lstrip("/")
        yield path, kind
        if kind == "folder" and enter(path):
            yield from walk(files, path, enter)


def is_temporary(path: str) -> bool:
    """Whether a file is named like those that `write` and `publish` write first."""
    return path.rpartition("/")[2].startswith(HIDDEN) and path.endswith(_TEMPORARY)


def absolute(location: str) -> str:
    """A location that means the same wherever in the file tree a process is."""
    return location if "://" in location else str(Path(location).absolute())


def open_files(location: str | os.PathLike[str]) -> Files:
    """The files at a local path or a URI (`s3://bucket/prefix`, `gs://...`, `file:///...`)."""
    text = os.fspath(location)
    if "://" not in text:
        return LocalFiles(Path(text))
    import pyarrow as pa
    import pyarrow.fs as fs

    from workers.store.bucket import ArrowFiles

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
            os.replace(temporary, self._at(path))
            crash_point("file.replaced")
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        if durable:
            _sync_folder(temporary.parent)

    def publish(self, path: str, data: bytes) -> bool:
        target = self._at(path)
        if os.path.lexists(target):
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
        try:
            return stat.S_ISREG(os.lstat(self._at(path)).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def names(self, folder: str) -> list[str]:
        try:
            names = os.listdir(self._folder(folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name for name in names if not name.startswith(HIDDEN))

    def kinds(self, folder: str) -> dict[str, Kind]:
        try:
            with os.scandir(self._folder(folder)) as entries:
                found = {entry.name: _kind(entry) for entry in entries if not entry.name.startswith(FILE_SYSTEMS_OWN)}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return dict(sorted(found.items()))

    def sizes(self, folder: str) -> dict[str, int]:
        return {
            path: status.st_size
            for path, status in self._statuses(folder)
            if not path.rpartition("/")[2].startswith(HIDDEN)
        }

    def delete(self, path: str) -> None:
        self._at(path).unlink(missing_ok=True)

    def move(self, path: str, target: str) -> None:
        place = self._at(target)
        place.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(place):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place))
        shutil.move(self._at(path), place)  # a rename, unless one of the two is on a disk of its own

    def temporaries(self) -> dict[str, float]:
        return {
            path: max(0.0, time.time() - status.st_mtime) for path, status in self._statuses("") if is_temporary(path)
        }

    def free_bytes(self) -> int | None:
        folder = self.root
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def _open(self, path: str) -> BinaryIO:
        # Not to wait for the other end of a pipe, nor to follow a link, which could lead out of the store
        try:
            descriptor = os.open(self._at(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                what = "link" if error.errno == errno.ELOOP else _SPECIAL
                raise NotAFile(f"is a {what}, not a file") from error
            raise
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            os.close(descriptor)
            raise NotAFile(f"is a {'folder' if stat.S_ISDIR(mode) else _SPECIAL}, not a file")
        return open(descriptor, "rb")

    def _at(self, path: str) -> Path:
        """Where a path lies. Raises NotADirectoryError where it leads through a link."""
        folder, _, name = path.rpartition("/")
        return self._folder(folder) / name

    def _folder(self, path: str) -> Path:
        """Where a folder lies; `Store` looks at those at the top, once. Raises NotADirectoryError if it is a link."""
        folder = self.root / path
        if "/" in path and folder.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, "is a link, not a folder", str(folder))
        return folder

    def _statuses(self, folder: str) -> Iterator[tuple[str, os.stat_result]]:
        """Every file anywhere under a folder, hidden ones too."""
        for directory, _, names in os.walk(self.root / folder):
            prefix = f"{directory}/".removeprefix(f"{self.root}/")
            for name in names:
                with contextlib.suppress(FileNotFoundError):  # deleted or renamed meanwhile
                    status = os.lstat(f"{directory}/{name}")
                    if stat.S_ISREG(status.st_mode):
                        yield prefix + name, status

    def _write_beside(self, path: str, data: bytes, durable: bool = True) -> Path:
        target = self._at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f"{HIDDEN}{secrets.token_hex(8)}{_TEMPORARY}"
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


def _kind(entry: os.DirEntry[str]) -> Kind:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else _SPECIAL


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
