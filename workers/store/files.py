"""What a store needs of a filesystem: whole files by relative path, atomic writes and exclusive publication.

`workers.store.local` is for local disks and NFS, `workers.store.bucket` for what pyarrow.fs reaches (S3, GCS, ...),
and `workers.store.opening` chooses by location.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Literal, Protocol

Kind = Literal["file", "folder", "link", "pipe, socket or device"]
SPECIAL: Kind = "pipe, socket or device"

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


def temporary_name() -> str:
    """A new name for a file that is being written."""
    return f"{HIDDEN}{secrets.token_hex(8)}{_TEMPORARY}"


def is_temporary(path: str) -> bool:
    """Whether a file is named like those that `write` and `publish` write first."""
    return path.rpartition("/")[2].startswith(HIDDEN) and path.endswith(_TEMPORARY)
