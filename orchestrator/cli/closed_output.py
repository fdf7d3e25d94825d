"""Ending silently when nobody reads what a command prints, as in `prunesweep table | head -1`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

EXIT_CODE = 141
"""What shells report for a program that ends by SIGPIPE."""


@contextlib.contextmanager
def quiet_end() -> Iterator[None]:
    """Exit with 141 if output finds its reader gone. typer would exit with 1, and Python complain at its end."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # a short output is still in the buffer
    except (BrokenPipeError, SystemExit) as end:
        if isinstance(end, SystemExit) and not isinstance(end.__context__, BrokenPipeError):  # rich exits with 1
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # a stream of a notebook or a test has no file
                os.dup2(nowhere, stream.fileno())
        sys.exit(EXIT_CODE)
