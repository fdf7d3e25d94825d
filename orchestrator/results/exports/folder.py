"""The folder that results are written to."""

from __future__ import annotations

import secrets

from workers.errors import InputError
from workers.store.filesystems.opening import open_files
from workers.store.filesystems.output import reason_of


def check_folder(to: str) -> None:
    """Raise InputError unless files can be written to a folder, which is created if necessary."""
    probe = f"probe-{secrets.token_hex(8)}"
    try:
        files = open_files(to)
        files.write(probe, b"")
        files.delete(probe)
    except OSError as error:
        raise InputError(
            f"cannot write to folder `{to}`: {reason_of(error, to)}", hint="choose another folder with `--to`"
        ) from None
