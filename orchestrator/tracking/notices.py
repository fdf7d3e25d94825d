"""Notices of what a person waits for: the end of a sweep, the first failure of each class, a stall."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from email.message import Message
from typing import IO, Any
from urllib.parse import urlsplit

from orchestrator.tracking.events import Event, SweepEnded, SweepStalled, TrialEnded
from orchestrator.tracking.summary import outcome_of, payload
from workers.errors import InputError
from workers.waiting import within

_POST_SECONDS = 4.0
_TRIES = 2
_STDERR = 2  # the file descriptor


def check_url(url: str) -> None:
    """Raise InputError unless notices can be posted to a URL."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https"):
        raise InputError(f"`--notify` must be a URL that begins with http:// or https://: {url}")


class WebHook:
    """Posts each notice to a URL as JSON: the end, the first failure of each class, and each kind of stall once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._told: set[tuple[str, str]] = set()

    def receive(self, event: Event) -> None:
        if self._is_news(event):
            data = json.dumps(payload(event)).encode()
            within(_POST_SECONDS, lambda: _post(self._url, data))

    def close(self) -> None:
        """Do nothing: each notice is sent at once."""

    def abandon(self) -> None:
        """Do nothing: a notice that hangs is left behind in its thread."""

    def _is_news(self, event: Event) -> bool:
        if isinstance(event, SweepEnded):
            return True
        if isinstance(event, TrialEnded) and event.outcome != "done":
            key = ("failure", event.outcome)
        elif isinstance(event, SweepStalled):
            key = ("stall", event.kind)
        else:
            return False
        is_new = key not in self._told
        self._told.add(key)
        return is_new


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A POST that is redirected would arrive elsewhere, as a GET and without its body: it fails instead."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def _post(url: str, data: bytes) -> None:
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", "User-Agent": "prunesweep"})
    opener = urllib.request.build_opener(_NoRedirects)
    for left in reversed(range(_TRIES)):
        try:
            opener.open(request, timeout=0.4 * _POST_SECONDS).close()
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 or not left:
                raise
        except OSError:
            if not left:
                raise
        time.sleep(0.1 * _POST_SECONDS)


class EndCommand:
    """Runs a shell command once the sweep has ended, with the outcome in its environment and as JSON on its stdin.

    What it prints goes to stderr.
    """

    def __init__(self, command: str) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def receive(self, event: Event) -> None:
        if isinstance(event, SweepEnded):
            self._run(event)

    def close(self) -> None:
        """Wait for the command. Raises CalledProcessError if it fails."""
        if self._process is not None and (code := self._process.wait()):
            raise subprocess.CalledProcessError(code, self._command)

    def abandon(self) -> None:
        """Do nothing: the command may need longer, for example to upload results, and continues without the driver."""

    def _run(self, event: SweepEnded) -> None:
        self._process = subprocess.Popen(
            self._command,
            shell=True,
            stdin=subprocess.PIPE,
            stdout=_STDERR,  # a reader of the driver's stdout does not wait for a command that outlives the driver
            env=os.environ | _environment(event),
            start_new_session=True,  # Ctrl-C for the driver is not meant for it
        )
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(payload(event)).encode())
            self._process.stdin.close()
        except BrokenPipeError:  # it does not read its input
            pass


def _environment(event: SweepEnded) -> dict[str, str]:
    values: dict[str, Any] = {
        "outcome": outcome_of(event),
        "exit_code": event.exit_code,
        "sweep": event.sweep,
        "store": event.store,
        "cells": event.cells,
        "cells_done": event.cells_done,
        "trials_failed": sum(event.failed.values()),
    }
    return {f"PRUNESWEEP_{name.upper()}": str(value) for name, value in values.items()}
