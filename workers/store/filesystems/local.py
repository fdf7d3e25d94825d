"""Files of a store on a local disk or NFS: written under another name, synced, then linked or renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from workers.crashpoints import crash_point
from workers.store.filesystems.file_locks import locked
from workers.store.filesystems.files import (
    FILE_SYSTEMS_OWN,
    HIDDEN,
    SPECIAL,
    Kind,
    NotAFile,
    Version,
    is_temporary,
    temporary_name,
)

_UNSUPPORTED = frozenset(
    (
        errno.ENOSYS,  # FUSE, whose server does not implement the operation
        errno.EOPNOTSUPP,  # the same by another name: Lustre, NFS, SMB (ENOTSUP elsewhere)
        errno.ENOTSUP,
        errno.EPERM,  # exFAT, VFAT and some FUSE servers
        errno.EINVAL,  # FUSE and SMB: folders cannot be synced
        errno.EXDEV,  # union mounts, whose two names may be on two disks
        errno.EMLINK,  # the file system counts links and allows only one
    )
)
"""How file systems say that they cannot link files or sync folders. What needs more than that has to fail."""


class LocalFiles:
    """Files under a local or NFS folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._kept: set[str] = set()

    def read(self, path: str) -> bytes:
        with self._open(path) as file:
            return file.read()

    def tail(self, path: str, size: int) -> bytes:
        with self._open(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return file.read(size)

    def write(self, path: str, data: bytes, durable: bool = True) -> None:
        temporary = self._write_temporary(path, data, durable)
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
        temporary = self._write_temporary(path, data)
        try:
            os.link(temporary, target)
            crash_point("file.linked")
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            return _renamed_unless_taken(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(target.parent)
        return True

    def read_version(self, path: str) -> tuple[bytes, Version]:
        data = self.read(path)
        return data, data

    def replace(self, path: str, data: bytes, version: Version) -> bool:
        with self._unchanged(path, version) as unchanged:
            if unchanged:
                self.write(path, data)
            return unchanged

    def remove(self, path: str, version: Version) -> bool:
        with self._unchanged(path, version) as unchanged:
            if unchanged:
                self._at(path).unlink()
            return unchanged

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
                kinds = {entry.name: _kind(entry) for entry in entries if not entry.name.startswith(FILE_SYSTEMS_OWN)}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return dict(sorted(kinds.items()))

    def sizes(self, folder: str) -> dict[str, int]:
        return {
            path: status.st_size
            for path, status in self._statuses(folder)
            if not path.rpartition("/")[2].startswith(HIDDEN)
        }

    def delete(self, path: str) -> None:
        self._at(path).unlink(missing_ok=True)

    def move(self, path: str, target: str) -> None:
        destination = self._at(target)
        destination.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(destination):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(destination))
        shutil.move(self._at(path), destination)  # a rename, unless the two are on different disks

    def temporaries(self) -> dict[str, float]:
        return {
            path: max(0.0, time.time() - status.st_mtime) for path, status in self._statuses("") if is_temporary(path)
        }

    def free_bytes(self) -> int | None:
        folder = self.root
        while not folder.exists():
            folder = folder.parent
        try:
            return shutil.disk_usage(folder).free
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            return None

    @contextlib.contextmanager
    def _unchanged(self, path: str, version: Version) -> Iterator[bool]:
        """Whether a file still has a version; within the block no other process or thread replaces or removes it.

        The lock is on the file itself. Whoever waited for it may hold the lock of a file that was replaced meanwhile,
        whose content is then another one at its path.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self._at(path), os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK))
                unchanged = self.read(path) == version
            except FileNotFoundError:
                unchanged = False
            yield unchanged

    def _open(self, path: str) -> BinaryIO:
        # Neither wait for the other end of a pipe nor follow a link, which may lead out of the store
        try:
            descriptor = os.open(self._at(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                kind = "link" if error.errno == errno.ELOOP else SPECIAL
                raise NotAFile(f"is a {kind}, not a file") from error
            raise
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            os.close(descriptor)
            raise NotAFile(f"is a {'folder' if stat.S_ISDIR(mode) else SPECIAL}, not a file")
        return open(descriptor, "rb")

    def _at(self, path: str) -> Path:
        """The absolute path. Raises NotADirectoryError if it leads through a link."""
        folder, _, name = path.rpartition("/")
        return self._folder(folder) / name

    def _folder(self, path: str) -> Path:
        """The absolute path of a folder. Raises NotADirectoryError for a link (`Store` checks those at the top)."""
        folder = self.root / path
        if "/" in path and folder.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, "is a link, not a folder", str(folder))
        return folder

    def _statuses(self, folder: str) -> Iterator[tuple[str, os.stat_result]]:
        """Every file anywhere under a folder, hidden ones too. Raises OSError if a folder in it cannot be listed.

        Only of the whole store are such folders left out: they may be of others, such as `lost+found`.
        """
        for directory, _, names in os.walk(self.root / folder, onerror=_raise_unless_gone if folder else None):
            prefix = f"{directory}/".removeprefix(f"{self.root}/")
            for name in names:
                with contextlib.suppress(FileNotFoundError):  # deleted or renamed meanwhile
                    status = os.lstat(f"{directory}/{name}")
                    if stat.S_ISREG(status.st_mode):
                        yield prefix + name, status

    def _write_temporary(self, path: str, data: bytes, durable: bool = True) -> Path:
        target = self._at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if durable:
            self._keep(path.rpartition("/")[0])
        temporary = target.parent / temporary_name()
        try:
            with open(temporary, "xb") as file:
                crash_point("file.created")
                file.write(data)
                file.flush()
                crash_point("file.written")
                if durable:
                    _sync(file.fileno())
            crash_point("file.synced")
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def _keep(self, folder: str) -> None:
        """Have the disk keep the names of a folder and of those above it, whichever process created them."""
        if folder in self._kept:
            return
        if folder:
            self._keep(folder.rpartition("/")[0])
        with contextlib.suppress(PermissionError):  # the store's parent need not be readable
            _sync_folder((self.root / folder).parent)
        self._kept.add(folder)

    def __repr__(self) -> str:
        return str(self.root)


def _renamed_unless_taken(temporary: Path, target: Path) -> bool:
    """Rename a file where no hard links are: renaming replaces, so publishers of a folder take turns."""
    with locked(target.parent, os.O_RDONLY):
        if os.path.lexists(target):
            return False
        temporary.replace(target)
        _sync_folder(target.parent)
        return True


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def _kind(entry: os.DirEntry[str]) -> Kind:
    if entry.is_symlink():
        return "link"
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "file" if entry.is_file(follow_symlinks=False) else SPECIAL


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    """Have the disk keep a file or folder, where the file system can do that; it is written in any case."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
