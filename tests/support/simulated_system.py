"""System calls of simulated processes: what stands in for `os`, `open`, `fcntl`, `time` and `threading` in the store.

Every call is a place at which the saboteur may strike, and at which other processes may have their turns.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Callable
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from tests.support.simulated_disk import Disk, File, Folder
from tests.support.simulated_saboteur import Saboteur
from tests.support.simulated_world import World


class Computer:
    """The system calls, on one disk that all machines share. `links` says whether it has hard links."""

    def __init__(self, world: World, disk: Disk, saboteur: Saboteur, links: bool) -> None:
        self.world, self.disk, self.saboteur, self.links = world, disk, saboteur, links
        self._descriptors = itertools.count(3)
        self.os = SimpleNamespace(
            **_CONSTANTS,
            strerror=os.strerror,
            path=SimpleNamespace(lexists=lambda path: disk.find(path) is not None),
            **{name: getattr(self, name) for name in _CALLS},
            getpid=lambda: world.process.pid,
        )
        self.time = SimpleNamespace(monotonic=world.monotonic, sleep=world.sleep, time=lambda: world.now + world.wall)
        self.threading = SimpleNamespace(Event=lambda: _Event(world), Thread=lambda target, **_: _Thread(world, target))
        self.fcntl = SimpleNamespace(flock=self.flock, LOCK_EX=0, LOCK_NB=0)

    def path(self, text: str) -> Any:
        path = _Path(text)
        path.computer = self
        return path

    def request(self, effect: Callable[[], Any], writes: bool) -> Any:
        """Do what another machine is asked to do."""
        return self._do(effect, writes)

    def _do(self, effect: Callable[[], Any], writes: bool = False) -> Any:
        self.world.call()
        fault = self.saboteur.strike(writes)
        if fault == "full disk" and writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if fault == "error before":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        result = effect()
        if fault == "error after" and writes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return result

    def replace(self, path: Any, target: Any) -> None:
        self._do(lambda: self.disk.rename(path, target), writes=True)

    def link(self, path: Any, target: Any) -> None:
        if not self.links:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        self._do(lambda: self.disk.link(path, target), writes=True)

    def unlink(self, path: Any) -> None:
        self._do(lambda: self.disk.unlink(path))

    def mkdir(self, path: Any) -> None:
        if self.disk.find(path) is None:
            self._do(lambda: self.disk.make_folder(path), writes=True)

    def fsync(self, descriptor: int) -> None:
        self._do(lambda: self._node(descriptor).sync(), writes=True)

    def open(self, path: Any, flags: int = 0) -> int:
        return self._do(lambda: self._opened(self.disk.node(path)))

    def _opened(self, node: File | Folder) -> int:
        descriptor = next(self._descriptors)
        self.world.process.descriptors[descriptor] = node
        return descriptor

    def close(self, descriptor: int) -> None:
        self._unlock(descriptor, self.world.process.descriptors.pop(descriptor, None))

    def flock(self, descriptor: int, operation: int) -> None:
        self.world.call()
        node = self._node(descriptor)
        if node.locked_by not in (None, descriptor):
            raise BlockingIOError
        node.locked_by = descriptor

    def _unlock(self, descriptor: int, node: Any) -> None:
        if node is not None and node.locked_by == descriptor:
            node.locked_by = None

    def free_locks(self) -> None:
        """What the system does for the processes that have died."""
        for process in self.world.take_dead():
            for descriptor, node in process.descriptors.items():
                self._unlock(descriptor, node)
            process.descriptors.clear()

    def _node(self, descriptor: int) -> Any:
        self.world.check()
        return self.world.process.descriptors[descriptor]

    def fstat(self, descriptor: int) -> SimpleNamespace:
        return _status(self._node(descriptor))

    def lstat(self, path: Any) -> SimpleNamespace:
        return self._do(lambda: _status(self.disk.node(path)))

    def listdir(self, path: Any) -> list[str]:
        return self._do(lambda: list(self.disk.node(path).entries))

    @contextmanager
    def scandir(self, path: Any):
        entries = self._do(lambda: dict(self.disk.node(path).entries))
        yield [_Entry(name, isinstance(node, Folder)) for name, node in entries.items()]

    def walk(self, path: Any, onerror: Any) -> list[tuple[str, list[str], list[str]]]:
        return self._do(lambda: list(self.disk.walk(path)))

    def open_file(self, file: Any, mode: str) -> OpenFile:
        """What stands in for the built-in `open`: by path for a new file, by descriptor for reading."""
        if mode == "rb":
            return OpenFile(self, file)
        return OpenFile(self, self._do(lambda: self._opened(self.disk.create(file)), writes=True))


_CONSTANTS = {name: getattr(os, name) for name in dir(os) if name.startswith("O_") or name == "SEEK_END"}
_CALLS = ("replace", "link", "unlink", "fsync", "open", "close", "fstat", "lstat", "listdir", "scandir", "walk")


class OpenFile:
    """An open file: whole writes, and reads to the end."""

    def __init__(self, computer: Computer, descriptor: int) -> None:
        self._computer, self._descriptor = computer, descriptor
        self._file, self._begin = computer._node(descriptor), 0

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._computer.close(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def flush(self) -> None:
        """Nothing is buffered."""

    def write(self, data: bytes) -> None:
        self._file.data = data[: len(data) // 2]  # what a kill or an error leaves

        def complete() -> None:
            self._file.data = data

        self._computer._do(complete, writes=True)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._begin = offset + (len(self._file.data) if whence == os.SEEK_END else 0)
        return self._begin

    def read(self, size: int | None = None) -> bytes:
        end = None if size is None else self._begin + size
        return self._file.data[self._begin : end]


class _Entry:
    def __init__(self, name: str, is_folder: bool) -> None:
        self.name, self._is_folder = name, is_folder

    def is_symlink(self) -> bool:
        return False

    def is_dir(self, follow_symlinks: bool) -> bool:
        return self._is_folder

    def is_file(self, follow_symlinks: bool) -> bool:
        return not self._is_folder


class _Event:
    def __init__(self, world: World) -> None:
        self._world, self._is_set = world, False

    def set(self) -> None:
        self._is_set = True

    def wait(self, seconds: float) -> bool:
        self._world.wait(lambda: self._is_set, seconds)
        return self._is_set


class _Thread:
    def __init__(self, world: World, target: Callable[[], None]) -> None:
        self._world, self._target = world, target

    def start(self) -> None:
        self._thread = self._world.thread(self._world.process, self._target)

    def join(self) -> None:
        while not self._thread.done:
            self._world.wait(lambda: self._thread.done, 3600.0)


def _status(node: Any) -> SimpleNamespace:
    kind, size = (stat.S_IFDIR, 0) if isinstance(node, Folder) else (stat.S_IFREG, len(node.data))
    return SimpleNamespace(st_mode=kind, st_size=size, st_mtime=0.0)


class _Path(str):
    """Stands in for a `Path`: its methods are system calls of the running process."""

    computer: Computer

    def __truediv__(self, path: str) -> _Path:
        return self._of(f"{self}/{path}" if path else self)

    @property
    def parent(self) -> _Path:
        return self._of(self.rpartition("/")[0])

    def _of(self, text: str) -> _Path:
        path = _Path(text)
        path.computer = self.computer
        return path

    def absolute(self) -> _Path:
        return self

    def is_symlink(self) -> bool:
        return False

    def mkdir(self, parents: bool, exist_ok: bool) -> None:
        if not self.exists():
            self.parent.mkdir(parents, exist_ok)
            self.computer.mkdir(self)

    def exists(self) -> bool:
        return self.computer.disk.find(self) is not None

    def replace(self, target: str) -> None:  # type: ignore[override]
        self.computer.replace(self, target)

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            self.computer.unlink(self)
        except FileNotFoundError:
            if not missing_ok:
                raise
