"""A tracker in a separate process, where it can hang, crash or hold Python's lock without an effect on the driver.

`python -m orchestrator.tracking.host FACTORY TARGET` reads events from stdin, one JSON object a line.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from typing import IO

from orchestrator.tracking.delivery import NotDelivered
from orchestrator.tracking.events import Event, from_json, to_json
from orchestrator.tracking.trackers import TRACKERS, Tracker, TrackerChoice
from workers.registry import load
from workers.text import plural

_MAIN = "import prunesweep; from orchestrator.tracking.host import main; main()"


class TrackerProcess:
    """The driver's side: a receiver that passes events on to the process, which the first event starts."""

    def __init__(self, choice: TrackerChoice) -> None:
        self._choice = choice
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    def receive(self, event: Event) -> None:
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(to_json(event)).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            raise NotDelivered(self._reason()) from None

    def close(self) -> None:
        with self._errors or contextlib.nullcontext():
            if self._process is None:
                return
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it has ended early
                self._process.stdin.close()
            if self._process.wait():
                raise NotDelivered(self._reason())

    def abandon(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        self._errors = self._errors or tempfile.TemporaryFile()  # noqa: SIM115  (`close` closes it)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _MAIN, TRACKERS[self._choice.kind].factory, self._choice.target],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,  # Ctrl-C for the driver must not end it before the last event
        )
        return self._process

    def _reason(self) -> str:
        """The last line that the process has written."""
        assert self._process is not None
        assert self._errors is not None
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self._process.poll()}"


def main() -> None:
    """Pass the events on stdin to a tracker; an event that it fails on does not keep it from the next."""
    factory, target = sys.argv[1:]
    tracker: Tracker = load(factory)(target)
    failed, first = 0, ""
    for line in sys.stdin:
        try:
            tracker.receive(from_json(json.loads(line)))
        except Exception as error:
            failed, first = failed + 1, first or f"{type(error).__name__}: {error}"
    tracker.close()
    if failed:
        sys.exit(f"{plural(failed, 'event')} not written, the first because of {' '.join(first.split())}")


if __name__ == "__main__":
    main()
