"""Ends the driver if what it waits for is gone: Ray, or after a signal a store that no longer answers.

A batch system may signal every process of a job, or Ray may die. Without this, a draining driver would wait for a
minute and more for Ray's daemons, or for trials that cannot save their states, and then be killed without a message.
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
from orchestrator.driver.on_ray.address import answers
from workers.store import Store
from workers.store.layout import LEASE
from workers.waiting import NoAnswer, within

_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
_MOST_SILENT = 20  # polls in a row without an answer if there was no signal: a network may fail for a moment


@contextmanager
def leave_if_gone(address: str, interrupt: Interrupt, store: Store) -> Iterator[None]:
    """End this process if Ray at `address` is gone, with the exit code of the signal that came before, or with 1.

    After a signal, also if Ray or the store does not answer: trials cannot be stopped then, or not save their states.
    """
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(address, interrupt, store, over), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()


def _watch(address: str, interrupt: Interrupt, store: Store, over: threading.Event) -> None:
    silent = 0
    while not over.wait(_POLL_SECONDS):
        if interrupt.signal is not None:
            gone = _gone_after_signal(address, store)
            if gone is not None and not over.is_set():
                _leave(gone, 128 + interrupt.signal, store)
        else:
            silent = 0 if _listens(address) else silent + 1
            if silent >= _MOST_SILENT:
                _leave("error: Ray has died", 1, store)


def _gone_after_signal(address: str, store: Store) -> str | None:
    """What does not answer any more."""
    if not _listens(address):
        return "Ray has stopped as well"
    if not answers(address, _ANSWER_SECONDS):
        return "Ray does not answer, so running trials cannot be stopped"
    try:
        within(_ANSWER_SECONDS, lambda: store.files.exists(LEASE))
    except NoAnswer:
        return f"store `{store.location}` does not answer, so running trials cannot save their states"
    except OSError:
        pass  # it answers
    return None


def _leave(reason: str, code: int, store: Store) -> None:
    time.sleep(_PATIENCE_SECONDS)  # workers may still be saving
    message = f"{reason}; saved work is kept\n\nContinue with:  prunesweep resume {shlex.quote(store.location)}\n"
    os.write(sys.stderr.fileno(), message.encode())
    os._exit(code)


def _listens(address: str) -> bool:
    """Whether anybody accepts connections: the answer to them may take long on a busy machine."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError:
        return False
    return True
