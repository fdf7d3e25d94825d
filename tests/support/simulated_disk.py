"""A disk in memory that forgets at a power loss what was never synced: contents of files, and names in folders."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from random import Random


class File:
    """A file: its data, and what the disk keeps of it (None until the first sync)."""

    def __init__(self) -> None:
        self.data = b""
        self.kept: bytes | None = None
        self.locked_by: int | None = None

    def sync(self) -> None:
        self.kept = self.data

    def lose_power(self, random: Random) -> None:
        if self.data is not self.kept:
            self.data = random.choice([self.data, self.data[: len(self.data) // 2], self.kept or b""])
        self.sync()


class Folder:
    """A folder: its entries, and those that the disk keeps."""

    def __init__(self) -> None:
        self.entries: dict[str, File | Folder] = {}
        self.kept: dict[str, File | Folder] = {}
        self.locked_by: int | None = None

    def sync(self) -> None:
        self.kept = dict(self.entries)

    def lose_power(self, random: Random) -> None:
        """Keep any part of the changes since the last sync: each name has its old or its new entry."""
        names = sorted(self.entries.keys() | self.kept.keys())
        images = {name: (self.entries.get(name), self.kept.get(name)) for name in names}
        chosen = {name: new if new is old else random.choice((new, old, old)) for name, (new, old) in images.items()}
        self.entries = {name: node for name, node in chosen.items() if node is not None}
        self.sync()
        for node in self.entries.values():
            node.lose_power(random)


Node = File | Folder


class Disk:
    """Files and folders by absolute path. `watch` hears of every name that gets, changes or loses its file."""

    def __init__(self, watch: Callable[[str, File | None, File | None], None]) -> None:
        self.root = Folder()
        self._watch = watch

    def find(self, path: str) -> Node | None:
        node: Node | None = self.root
        for name in path.split("/"):
            if name:
                if not isinstance(node, Folder):
                    return None
                node = node.entries.get(name)
        return node

    def node(self, path: str) -> Node:
        """What is at a path. Raises FileNotFoundError."""
        node = self.find(path)
        if node is None:
            raise _error(errno.ENOENT, path)
        return node

    def create(self, path: str) -> File:
        file = File()
        self._set(path, file, only_new=True)
        return file

    def put(self, path: str, data: bytes) -> None:
        """Create or replace a file, whole from its first moment and kept, with its folders."""
        above = ""
        for name in path.split("/")[1:-1]:
            above += f"/{name}"
            self.make_folder(above)
        file = File()
        file.data = data
        file.sync()
        self._set(path, file)

    def make_folder(self, path: str) -> None:
        folder, name = self._parent(path)
        folder.entries.setdefault(name, Folder())

    def link(self, path: str, target: str) -> None:
        self._set(target, self.node(path), only_new=True)

    def rename(self, path: str, target: str) -> None:
        node = self.node(path)
        self._set(target, node)
        folder, name = self._parent(path)
        del folder.entries[name]

    def unlink(self, path: str) -> None:
        self.node(path)
        self._set(path, None)

    def walk(self, path: str) -> Iterator[tuple[str, list[str], list[str]]]:
        folder = self.find(path)
        if not isinstance(folder, Folder):
            return
        folders = sorted(name for name, node in folder.entries.items() if isinstance(node, Folder))
        yield path, folders, sorted(folder.entries.keys() - set(folders))
        for name in folders:
            yield from self.walk(f"{path.rstrip('/')}/{name}")

    def files(self) -> dict[str, bytes]:
        """The data of every file, by path."""
        return {
            f"{folder}/{name}": self.node(f"{folder}/{name}").data
            for folder, _, names in self.walk("/")
            for name in names
        }

    def lose_power(self, random: Random) -> None:
        self.root.lose_power(random)

    def _set(self, path: str, node: Node | None, only_new: bool = False) -> None:
        folder, name = self._parent(path)
        before = folder.entries.get(name)
        if before is not None and only_new:
            raise _error(errno.EEXIST, path)
        self._watch(path, before, node)
        if node is None:
            del folder.entries[name]
        else:
            folder.entries[name] = node

    def _parent(self, path: str) -> tuple[Folder, str]:
        parent, _, name = path.rpartition("/")
        folder = self.node(parent)
        if not isinstance(folder, Folder):
            raise _error(errno.ENOTDIR, path)
        return folder, name


def _error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)
