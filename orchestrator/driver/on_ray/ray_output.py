"""What Ray says: kept off the terminal, in a file that is deleted unless the driver dies."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestrator.driver.situation import tell
from workers.machine.printed import descriptors_to
from workers.machine.terminal import leave_dead_terminal

_STDERR = 2


@contextlib.contextmanager
def ray_output_apart() -> Iterator[None]:
    """In the block Ray, native code and new processes print to a file, and everybody else to stderr, not to stdout."""
    handle, path = tempfile.mkstemp(prefix="prunesweep-", suffix=".log")
    tell(log=path)
    with os.fdopen(handle, "ab") as file:
        try:
            with _python_elsewhere(), descriptors_to(file.fileno()), _messages_of_ray():
                yield
        finally:
            leave_dead_terminal()  # it may have gone in the block
            Path(path).unlink(missing_ok=True)
            tell(log="")


@contextlib.contextmanager
def _python_elsewhere() -> Iterator[None]:
    """Let `sys.stderr`, and what goes to stdout, keep the stderr of before the block."""
    stream = sys.stderr
    if sys.__stderr__ is not None and stream is sys.__stderr__:  # else a notebook, or a test, has replaced it
        stream = open(os.dup(_STDERR), "w", buffering=1, encoding=stream.encoding, errors=stream.errors)  # noqa: SIM115
    try:
        with contextlib.redirect_stderr(stream), contextlib.redirect_stdout(stream):
            yield
    finally:
        stream.flush()  # open until the end: Ray's loggers keep it


@contextlib.contextmanager
def _messages_of_ray() -> Iterator[None]:
    """Let Ray's thread that prints what its processes report, such as the death of a node, print to the file, too."""
    from ray._private import worker

    def write(data: dict[str, Any], ignore_prefix: bool) -> None:
        os.write(_STDERR, "".join(f"{line}\n" for line in data["lines"]).encode())

    before = worker.print_to_stdstream
    worker.print_to_stdstream = write
    try:
        yield
    finally:
        worker.print_to_stdstream = before
