"""Ends the driver if Ray ends first: because a batch system signals every process of a job, or because Ray dies.

Without this, a draining driver would wait a minute for Ray's daemons and then be killed without a message.
"""

from __future__ import annotations

import os
import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.driver.interrupt import Interrupt

_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 2.0
_MOST_SILENT = 20  # polls in a row without an answer if there was no signal: a network may fail for a moment


@contextmanager
def leave_if_ray_ends(address: str, interrupt: Interrupt, store: str) -> Iterator[None]:
    """End this process if Ray at `address` is gone, with the exit code of the signal that came before, or with 1.

    A signal to the driver also reached the workers, which saved their states.
    """
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(address, interrupt, store, over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()


def _watch(address: str, interrupt: Interrupt, store: str, over: threading.Event) -> None:
    silent = 0
    while not over.wait(_POLL_SECONDS):
        silent = 0 if _listens(address) else silent + 1
        if not silent or (interrupt.signal is None and silent < _MOST_SILENT):
            continue
        time.sleep(_PATIENCE_SECONDS)  # workers may still be saving
        what = "Ray has stopped as well" if interrupt.signal else "error: Ray has died"
        message = f"{what}; saved work is kept\n\nContinue with:  prunesweep resume {shlex.quote(store)}\n"
        os.write(sys.stderr.fileno(), message.encode())
        os._exit(128 + interrupt.signal if interrupt.signal else 1)


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError:
        return False
    return True
