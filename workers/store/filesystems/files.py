"""What a store needs of a filesystem: whole files by relative path, atomic writes and exclusive publication.

`local` is for local disks and NFS, `bucket` for S3, Google Cloud Storage and Azure, and `opening` chooses by location.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any, Literal, Protocol

from workers.errors import CorruptFile, UnreadableFile

Kind = Literal["file", "folder", "link", "pipe, socket or device"]
SPECIAL: Kind = "pipe, socket or device"

Version = Any
"""What tells the content of a file from every other content that the file has had; of use to its `Files` only."""

HIDDEN = "."  # names of half-written files begin with it
_TEMPORARY = ".tmp"
FILE_SYSTEMS_OWN = (".nfs", "lost+found")  # names that NFS and ext4 use themselves begin so


class NotAFile(OSError):
    """Something else is at the path of a file: a folder, a link, a pipe, a socket or a device."""


def read_failure(path: str, error: OSError) -> CorruptFile:
    """Why a file of a store could not be read: damaged if it is missing or something else is there, else unreadable."""
    is_damaged = isinstance(error, NotAFile | FileNotFoundError | NotADirectoryError)
    return CorruptFile(path, str(error)) if is_damaged else UnreadableFile(path, str(error))


class Files(Protocol):
    """The operations a store needs. Paths are relative, with `/`; a missing file raises FileNotFoundError.

    Links below the folders at the top are never followed, and nothing but files is ever opened.
    """

    def read(self, path: str) -> bytes:
        """The content of a file. Raises NotAFile for anything else."""

    def tail(self, path: str, size: int) -> bytes:
        """The last bytes of a file, at most `size` of them."""

    def write(self, path: str, data: bytes, durable: bool = True) -> None:
        """Create or replace a file in one step: readers see the old or the new content, whole.

        A file that need not be `durable` may be lost if the machine loses power; writing it does not wait for the disk.
        """

    def publish(self, path: str, data: bytes) -> bool:
        """Create a file in one step. Returns False, and changes nothing, if something exists at its path."""

    def read_version(self, path: str) -> tuple[bytes, Version]:
        """The content of a file and its version."""

    def replace(self, path: str, data: bytes, version: Version) -> bool:
        """Replace a file in one step. Returns False, and changes nothing, if it is gone or has another version."""

    def remove(self, path: str, version: Version) -> bool:
        """Delete a file in one step. Returns False, and changes nothing, if it is gone or has another version.

        A bucket cannot delete on a condition and keeps an empty file instead.
        """

    def exists(self, path: str) -> bool:
        """Whether a file is at a path; folders and links do not count."""

    def names(self, folder: str) -> list[str]:
        """Names of everything in a folder except half-written files, sorted; empty if the folder does not exist."""

    def kinds(self, folder: str) -> dict[str, Kind]:
        """The kind of each entry of a folder, by name, sorted, hidden ones too; empty if the folder does not exist."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each complete file anywhere under a folder, by path. Raises OSError rather than leave some out.

        Of the whole store (an empty path), folders that cannot be listed are left out.
        """

    def delete(self, path: str) -> None:
        """Delete a file, if it exists."""

    def move(self, path: str, target: str) -> None:
        """Move anything, be it a file, a folder or a link.

        Raises FileExistsError if the target exists, NotADirectoryError if it would be inside a file.
        """

    def temporaries(self) -> dict[str, float]:
        """Half-written files that a process left behind or is writing now: path to age in seconds."""

    def free_bytes(self) -> int | None:
        """Free space, if it is known."""


def walk(
    files: Files, folder: str = "", enter: Callable[[str], bool] = lambda path: True
) -> Iterator[tuple[str, Kind]]:
    """The path and kind of everything under a folder, hidden entries and special files too.

    A folder comes before its entries, which are left out unless `enter` returns True for it.
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
    """Whether a file has a name that `temporary_name` gives."""
    return path.rpartition("/")[2].startswith(HIDDEN) and path.endswith(_TEMPORARY)
