"""What happens when a signal is meant for all processes of a job, as batch systems and `timeout` send it.

Ray's own daemons end at SIGTERM, and a driver that still drains would wait a minute for them and die of it.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.driver.interrupt import Interrupt

_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 2.0


@contextmanager
def leave_if_ray_ends(address: str, interrupt: Interrupt, store: str) -> Iterator[None]:
    """Once a signal asked to stop, end this process with that signal's exit code if Ray at `address` is gone too.

    Its workers had the same signal, and saved their states.
    """
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(address, interrupt, store, over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()


def _watch(address: str, interrupt: Interrupt, store: str, over: threading.Event) -> None:
    while not over.wait(_LOOK_SECONDS):
        if interrupt.signal is None or _listens(address):
            continue
        time.sleep(_PATIENCE_SECONDS)  # workers may still be saving
        message = f"Ray was ended as well; what was saved is kept\n\nContinue with:  prunesweep resume {store}\n"
        os.write(sys.stderr.fileno(), message.encode())
        os._exit(128 + interrupt.signal)


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError:
        return False
    return True
