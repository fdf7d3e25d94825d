"""What a store promises, checked at every change of its files: see docs/reliability.md."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.support.simulated_disk import Disk, File
from tests.support.simulated_world import Killed, Process, World
from workers.store.filesystems.bucket import BucketFiles
from workers.store.filesystems.files import Version, is_temporary
from workers.store.filesystems.local import LocalFiles
from workers.store.layout import LEASE, RESULTS, folder_of, parse_lease_path
from workers.store.lease import EXPIRY, PERIOD

STORE = "/store"

WORST_CHUNK = 12.0
"""The most seconds that a worker trains before it checks its driver's lease again, with its system calls."""


class Broken(BaseException):
    """A promise is broken. No error that the product may handle."""


class Holder(NamedTuple):
    """Who has had a lease since when, by process and token."""

    process: Process | None = None
    token: str | None = None
    since: float = 0.0


def is_lease(path: str) -> bool:
    return path == LEASE or parse_lease_path(path) is not None


class Promises:
    """Watches a disk. `counts` says how often each promise was checked."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.disk = Disk(self._changed)
        self.counts: Counter[str] = Counter()
        self.intended: dict[str, set[bytes]] = defaultdict(set)  # the contents that somebody wanted a file to have
        self.durable: set[str] = set()  # the files that were written, and must be there from then on
        self.published: dict[str, bytes] = {}
        self._passing: set[str] = set()  # the files that need not be durable
        self._versions: dict[tuple[Process, str], bytes] = {}  # what a process means to replace or remove
        self._holders: dict[str, Holder] = defaultdict(Holder)  # by the path of a lease
        self._wrote: dict[str | None, float] = {}  # since when the processes with a token write

    def check(self, promise: str, holds: bool, subject: object) -> None:
        self.counts[promise] += 1
        if not holds:
            raise Broken(f"at {self.world.now:.3f} s: {promise}: {subject}")

    def _changed(self, path: str, before: File | None, after: File | None) -> None:
        path = path.removeprefix(f"{STORE}/")
        if is_temporary(path):
            return
        if after is None:
            self.durable.discard(path)
        if after is not None:
            self.check("a file is visible only whole", after.data in self.intended[path], path)
        if folder_of(path) == RESULTS:
            self.check("a record never changes or vanishes", before is None, path)
        if is_lease(path):
            self._lease_changed(path, before, after)

    def _lease_changed(self, path: str, before: File | None, after: File | None) -> None:
        process = self.world.process
        version = self._versions.get((process, path))
        old = None if before is None else before.data
        self.check("the lease changes only as it was read", old == version, old)
        token = json.loads(after.data)["token"] if after is not None and after.data else None
        holder, former, _ = self._holders[path]
        if holder not in (None, process) and None not in (former, old) and token != former:
            assert holder is not None
            renews = holder.alive and holder.disturbed < self.world.now - 2 * EXPIRY
            self.check("nobody takes the lease of a driver that renews it", not renews, former)
        if token is None:
            self._holders[path] = Holder(since=self.world.now)
        elif token != former:
            process.token, process.lease = token, path
            self._holders[path] = Holder(process, token, self.world.now)

    def written(self, path: str) -> None:
        """Note that a process was told that a file is durable, unless it is gone already."""
        if self.disk.find(f"{STORE}/{path}") is not None:
            self.durable.add(path)

    def may_write(self, process: Process, path: str) -> None:
        """Check that a worker or driver still may, unless it was disturbed of late."""
        if process.token is None or process.lease is None or is_lease(path):
            return
        undisturbed = [since for since in self._lost(process) if process.disturbed <= since - 2 * EXPIRY]
        # a driver that was frozen may still begin a worker
        late = any(self.world.now - max(since, process.begun) > PERIOD / 3 + WORST_CHUNK for since in undisturbed)
        self.check("only one driver and its workers write", not late, f"{path}, by process {process.pid}")
        self._wrote.setdefault(process.token, self.world.now)

    def _lost(self, process: Process) -> Iterator[float]:
        """Since when others drive what a process writes: with its lease, or with one that excludes it."""
        assert process.lease is not None
        for path, (holder, token, since) in self._holders.items():
            if path == process.lease and token not in (None, process.token):
                yield since
            elif path != process.lease and LEASE in (path, process.lease) and holder is not None and holder.alive:
                yield self._wrote.get(token, self.world.now)

    def power_was_lost(self) -> None:
        """Check what the disk has kept."""
        for path, data in self.disk.files().items():
            path = path.removeprefix(f"{STORE}/")
            if not is_temporary(path) and path not in self._passing:
                self.check("a file is whole after a power loss", data in self.intended[path], path)
        for path in sorted(self.durable):
            there = self.disk.find(f"{STORE}/{path}") is not None
            self.check("what was written is there after a power loss", there, path)


_Base: Any = object  # in front of an implementation of `Files`


class _Watched(_Base):
    """The files of a store as a process sees them. What it intends and what it was told is checked.

    `_equal_to` gives the contents that it may publish again.
    """

    _process: Process
    _promises: Promises

    def write(self, path: str, data: bytes, durable: bool = True) -> None:
        self._begin(path, data)
        if not durable:
            self._promises._passing.add(path)
        super().write(path, data, durable)
        if durable:
            self._promises.written(path)

    def publish(self, path: str, data: bytes) -> bool:
        self._begin(path, data)
        self._promises._versions.pop((self._process, path), None)
        if not super().publish(path, data):
            return False
        promises = self._promises
        once = promises.published.get(path) in (None, *self._equal_to(data)) or is_lease(path)
        promises.check("a record is published once", once, path)
        promises.published[path] = data
        promises.written(path)
        return True

    def replace(self, path: str, data: bytes, version: Version) -> bool:
        self._begin(path, data)
        self._promises._versions[self._process, path] = content_of(version)
        return super().replace(path, data, version)

    def remove(self, path: str, version: Version) -> bool:
        self._promises._versions[self._process, path] = content_of(version)
        return super().remove(path, version)

    def delete(self, path: str) -> None:
        self._alive()
        super().delete(path)

    def _begin(self, path: str, data: bytes) -> None:
        self._alive()
        self._promises.may_write(self._process, path)
        self._promises.intended[path].add(data)

    def _alive(self) -> None:
        """Nothing that a dead process leaves behind, such as a generator that is closed, has any effect."""
        if not self._process.alive:
            raise Killed


def content_of(version: Version) -> bytes:
    """The content that a version stands for: it is that, or has it as its e-tag."""
    return bytes.fromhex(version["e_tag"][1:]) if isinstance(version, dict) else version


class WatchedFiles(_Watched, LocalFiles):
    """Those of a store on a disk."""

    def __init__(self, process: Process, promises: Promises, root: Any) -> None:
        LocalFiles.__init__(self, root)
        self._process, self._promises = process, promises

    def _equal_to(self, data: bytes) -> tuple[bytes, ...]:
        return ()


class WatchedBucket(_Watched, BucketFiles):
    """Those of a store in a bucket."""

    def __init__(self, process: Process, promises: Promises, bucket: Any) -> None:
        BucketFiles.__init__(self, bucket, STORE)
        self._process, self._promises = process, promises

    def _equal_to(self, data: bytes) -> tuple[bytes, ...]:
        return (data,)  # a PUT whose answer was lost is repeated, and finds its own data
