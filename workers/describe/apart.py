"""Inspecting data sets, networks and techniques in another process: describing them imports torch."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from workers.errors import InputError
from workers.machine.scratch import scratch_folder
from workers.machine.terminal import say
from workers.text import duration

REMINDER_SECONDS = 60.0

_NOTICE = "Inspecting data sets and networks (cached in the store once a sweep runs)"
_DESCRIBE = "import prunesweep; from workers.describe.answers import main; main()"
"""`python -m workers.describe`, for a folder with a `workers` or a `random.py` of the user's own."""


def describe_apart(requests: list[dict[str, Any]], notice: str = _NOTICE) -> list[dict[str, Any]]:
    """The answers of `workers.describe.answers`, from a separate process because describing imports torch.

    `notice` tells people what they wait for. If the process dies of several requests, each is answered alone, to find
    out which one it was. Raises InputError if `workers.describe` itself fails.
    """
    if not requests:
        return []
    say(notice)
    answers = _described(requests)
    return [row for request in requests for row in _described([request]) or []] if answers is None else answers


def _described(requests: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """The answers of one process; None if it dies of several requests."""
    with scratch_folder() as folder, tempfile.TemporaryFile() as printed:
        path = folder / "answers.json"
        asked = json.dumps({"requests": requests, "answers": str(path), "parent": os.getpid()}).encode()
        command = [sys.executable, "-P", "-c", _DESCRIBE]
        environment = os.environ | {"PYTHONBREAKPOINT": "0"}  # for trials in a terminal
        with _reminding(requests):
            process = subprocess.run(
                command, input=asked, stdout=printed, stderr=subprocess.STDOUT, env=environment, check=False
            )
        if process.returncode == 0 and path.exists():
            answers: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
            return answers
        printed.seek(0)
        reason = printed.read().decode("utf-8", "replace").strip()
    if process.returncode == 1 and "Traceback" in reason:
        raise InputError(f"cannot inspect data sets and networks:\n{reason}")
    return None if len(requests) > 1 else [_death(requests[0], process.returncode, reason)]


@contextlib.contextmanager
def _reminding(requests: list[dict[str, Any]]) -> Iterator[None]:
    """Say once what a person waits for, if the block takes long: large data, or code that hangs."""
    names = ", ".join(dict.fromkeys(f"`{_name(request)}`" for request in requests))
    words = f"Still inspecting {names} after {duration(REMINDER_SECONDS)}; Ctrl-C ends the command"
    reminder = threading.Timer(REMINDER_SECONDS, say, [words])
    reminder.daemon = True
    reminder.start()
    try:
        yield
    finally:
        reminder.cancel()


def _name(request: dict[str, Any]) -> str:
    """The technique or the network that a request is about."""
    return str(request["technique"] if "technique" in request else request["network"]["name"])


def _death(request: dict[str, Any], code: int, printed: str) -> dict[str, Any]:
    """The answer to a request that ended its process, in which only the user's code could do that."""
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    output = f", and its output is:\n{printed}" if printed else ""
    return {
        "error": f"the process that inspects `{_name(request)}` {how}{output}",
        "hint": "memory may have run out" if code == -signal.SIGKILL else "the code must not end its process",
        "about": "technique" if "technique" in request else "network",
    }
