"""What the driver is doing: it tells its supervisor, which says how a run ended if the driver no longer can.

This imports nothing that takes time: the supervisor is there before anything else.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import threading
from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What the driver has told so far; each part is empty where it does not apply.

    store, lease: the store that it drives, and the token of its lease.
    shard: the shard of the store that it drives, such as `3/16`.
    connecting: the address of the Ray that it is connecting to.
    ray: the address at which Ray's control service (GCS) listens, while the driver is connected.
    log: the file with what Ray and native code print.
    sweep: the name of the sweep whose trials run, until its end has been told.
    notify, on_end: the URL and the command that are to be told of that end.
    """

    store: str = ""
    lease: str = ""
    shard: str = ""
    connecting: str = ""
    ray: str = ""
    log: str = ""
    sweep: str = ""
    notify: str = ""
    on_end: str = ""

    def after(self, line: bytes) -> Situation:
        """The situation after one more line from the driver."""
        return replace(self, **json.loads(line))


def resume_command(store: str, shard: object = None) -> str:
    """What continues a run on a store, or on a shard of it."""
    return shlex.join(["prunesweep", "resume", store, *(["--shard", str(shard)] if shard else [])])


def with_remedy(words: str, situation: Situation, *, log: str = "") -> str:
    """How a command ended, and how to continue, where that is possible; `log` is named if it has messages of Ray."""
    if situation.store:
        remedy = f"Continue with:  {resume_command(situation.store, situation.shard)}"
        return "\n".join([f"{words}; saved work is kept", "", *_messages(log), remedy])
    return "\n".join([words, *_messages(log)])


def _messages(log: str) -> list[str]:
    return [f"Ray's messages:  {log}"] if log else []


_situation = Situation()
_supervisor: socket.socket | None = None


def situation() -> Situation:
    """What this process has told so far."""
    return _situation


def is_supervised() -> bool:
    """Whether another process waits for this one: it decides what a second signal means, and prints the end."""
    return _supervisor is not None


def tell(**changes: str) -> None:
    """Note what has changed in the situation, and tell the supervisor, if there is one."""
    global _situation
    _situation = replace(_situation, **changes)
    if _supervisor is not None:
        with contextlib.suppress(OSError):  # it is gone; `answer_to` notices
            _supervisor.sendall(json.dumps(changes).encode() + b"\n")


def answer_to(supervisor: socket.socket) -> None:
    """Let this process be the driver of a supervisor, and stop as at SIGTERM once the supervisor is gone."""
    global _supervisor
    _supervisor = supervisor
    threading.Thread(target=_stop_without, args=(supervisor,), name="supervisor", daemon=True).start()


def _stop_without(supervisor: socket.socket) -> None:
    while supervisor.recv(1):  # it never says anything, so this waits for its end
        pass
    os.kill(os.getpid(), signal.SIGTERM)
