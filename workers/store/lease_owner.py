"""Who holds the leases of a store: its drivers, as `lease.json` and the files in `leases/` name them."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import secrets
import socket
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from workers.store.filesystems.files import Files, Version
from workers.store.layout import LEASE, LEASES, parse_lease_path
from workers.text import duration, printable


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """The driver that holds a lease. `begun` (UTC) and `says`, how its run stands, are for people only.

    `division` is that of the driver of a shard: what it has in common with those that it can run together with.
    A driver that is `entering` does not drive yet: it may still have to make way for another one.
    """

    host: str
    boot: str
    pid: int
    process_start: str | None
    user: str
    token: str
    begun: str
    counter: int
    says: str = ""
    division: str = ""
    entering: bool = False

    @classmethod
    def this_process(cls, division: str = "") -> Owner:
        """This process, with a new token."""
        return cls(
            host=socket.gethostname(),
            boot=_boot(),
            pid=os.getpid(),
            process_start=_process_start(os.getpid()),
            user=_user(),
            token=secrets.token_hex(16),
            begun=datetime.now(UTC).isoformat(timespec="seconds"),
            counter=0,
            division=division,
        )

    @property
    def is_known(self) -> bool:
        """Whether the lease says who the owner is."""
        return self.pid > 0

    @property
    def is_local(self) -> bool:
        """Whether this machine can tell if the owner is still alive: not of a process that it hides from this user."""
        is_here = bool(self.boot) and (self.host, self.boot) == (socket.gethostname(), _boot())
        return is_here and not _is_hidden(self.pid)

    @property
    def is_gone(self) -> bool:
        """Whether the owner was a process of this machine that has ended."""
        return self.is_local and _process_start(self.pid) != self.process_start

    def excludes(self, path: str, other_path: str, division: str) -> bool:
        """Whether this owner of the lease at a path must not drive together with that of another lease."""
        return path != other_path and (LEASE in (path, other_path) or self.division != division)

    @property
    def age(self) -> float:
        """Seconds since the lease was taken, by this machine's clock: to show to people, never to decide by."""
        try:
            return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(self.begun)).total_seconds())
        except (TypeError, ValueError):
            return 0.0

    def to_bytes(self) -> bytes:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("division", "entering"):  # earlier versions do not read them
            if not values[name]:
                del values[name]
        return json.dumps(values, indent=1).encode()


def lease_paths(files: Files) -> list[str]:
    """The paths at which there may be a lease: that of the whole store first, then those of shards."""
    paths = (f"{LEASES}/{name}" for name in files.names(LEASES))
    return [LEASE, *(path for path in paths if parse_lease_path(path) is not None)]


def live_owners(files: Files) -> dict[str, Owner]:
    """The owners of all leases by path, except processes of this machine that have ended. Raises as `read_owner`."""
    owners = {path: read_owner(files, path) for path in lease_paths(files)}
    return {path: owner for path, owner in owners.items() if owner is not None and not owner.is_gone}


def read_owner(files: Files, path: str = LEASE) -> Owner | None:
    """The owner of a lease; None if nobody holds it. A damaged lease has an unknown owner.

    Raises NotAFile if something else is in its place, OSError if it cannot be read.
    """
    try:
        return read_lease(files, path)[0]
    except FileNotFoundError:
        return None


def read_lease(files: Files, path: str = LEASE) -> tuple[Owner | None, Version]:
    """The owner of a lease, and the version of its file; None as the owner if it was released (see `Files.remove`).

    Raises FileNotFoundError if the file is missing, and as `read_owner` does.
    """
    data, version = files.read_version(path)
    return (_owner(data) if data else None), version


def in_use_by(owner: Owner, location: str, path: str) -> str:
    """Who holds the lease at a path of a store, for people."""
    shard = parse_lease_path(path)
    if not owner.is_known:
        return f"store `{location}` has a damaged `{path}`, which does not say who drives it"
    return (
        f"store `{location}` is in use by another driver{f' of shard {shard}' if shard else ''}: "
        f"host {printable(owner.host)}, process {owner.pid}, user {printable(owner.user)}, "
        f"since {printable(owner.begun)} ({duration(owner.age)} ago)"
    )


def remedy(owner: Owner, path: str) -> str:
    """What a person can do about the owner of a lease that is in the way."""
    stop = f"stop it on {printable(owner.host)} with `kill {owner.pid}` (it saves its work)"
    if not owner.is_known:
        stop = f"set `{path}` aside with `prunesweep verify --repair`"
    return f"wait until it is done, {stop}, or use another store"


def _owner(data: bytes) -> Owner:
    try:
        owner = Owner(**json.loads(data))
        texts = (owner.host, owner.boot, owner.user, owner.token, owner.begun, owner.says, owner.division)
        numbers = (owner.pid, owner.counter)
        sound = all(isinstance(text, str) for text in texts) and all(type(number) is int for number in numbers)
        if sound and type(owner.entering) is bool and owner.is_known:
            return owner
    except (ValueError, TypeError, RecursionError):
        pass
    return Owner(
        host="unknown",
        boot="",
        pid=0,
        process_start=None,
        user="unknown",
        token=hashlib.sha256(data).hexdigest(),
        begun="unknown",
        counter=0,
    )


def _boot() -> str:
    """What process ids of this machine refer to: its boot and the namespace of process ids; empty if unknown."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip() + os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _process_start(pid: int) -> str | None:
    """When a process of this machine began, in clock ticks since boot; None if it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")  # a program may have any name
    except OSError:
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]


def _is_hidden(pid: int) -> bool:
    """Whether a process is another user's, and /proc does not show those (`hidepid`, as on many shared machines)."""
    if os.path.exists(f"/proc/{pid}/stat"):
        return False
    try:
        os.kill(pid, 0)  # sends nothing
    except PermissionError:
        return True
    except (OSError, OverflowError):
        pass
    return False


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
