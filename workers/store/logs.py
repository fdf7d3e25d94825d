"""The logs of a store, one for each attempt at a trial."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import os
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from workers.store import layout
from workers.store.filesystems.files import Files
from workers.store.printed_lines import PrintedLines
from workers.store.shard import Shard
from workers.text import plural

HUNG = "hung"
"""The outcome in the log of an attempt whose process was ended because it did not come back."""

PROGRESS = "progress"
"""The attribute of a logging record that says how far a trial is: a log shows only the newest one."""

_PROGRESS = re.compile(r"^\d\S+ info: (step .*)$", re.MULTILINE)
_BEGIN = re.compile(r"\A(\S+) attempt.*?(?:, shard (\S+))?$", re.MULTILINE)
_HOST = re.compile(r"\A\S+ attempt .* begins: host (\S+), process \d+(?:, shard \S+)?$", re.MULTILINE)
_ENDING = re.compile(r"^\d\S+ ends: (\w+)", re.MULTILINE)
_MOST_BYTES = 1_000_000  # of a log are read; a longer one has no beginning and counts as ended
_MOST_LINES = 2000  # the newest lines of an attempt are kept, not counting those that its code prints
_SILENT_SECONDS = 1.0  # after which the log of a first attempt is begun that has nothing to tell yet
_PRINTED_SECONDS = 15.0  # between two writes of a log for the sake of printed lines


class AttemptLog(logging.Handler):
    """Writes what the process logs while it is `recording`. If the log cannot be written, the attempt continues.

    `before` is the log of the attempt before, if there was one; with `is_first`, none is searched for. A first attempt
    that is done within a second, and neither logs nor prints anything, leaves no log: the trial's record says as much.
    `shard` is that of the driver, if it has one.
    """

    def __init__(self, files: Files, trial: str, is_first: bool = False, shard: Shard | None = None) -> None:
        super().__init__()
        self._lock = threading.RLock()
        self._is_first = is_first
        self._is_over = False
        self._beginning: threading.Timer | None = None
        number = 1 if is_first else max(attempts(files, trial), default=0) + 1
        self.path = layout.log_path(trial, number)
        self.before = layout.log_path(trial, number - 1) if number > 1 else None
        self._files = files
        self._lines: deque[tuple[int, str]] = deque(maxlen=_MOST_LINES)
        self._printed = PrintedLines()
        self._numbers = itertools.count()
        self._begin = (
            f"{_now()} attempt {number} at trial {trial} begins: host {socket.gethostname()}, process {os.getpid()}"
            + (f", shard {shard}" if shard else "")
        )
        self._progress: str | None = None
        self._changed = self._has_printed = self.is_written = False
        self._written: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage().replace("\n", "\n  ")  # so that no message looks like a line of the log
        line = f"{record.levelname.lower()}: {message}"
        with self._lock:
            if getattr(record, PROGRESS, False):
                self._progress, self._changed = f"{_now()} {line}", True
                return
            self._add(line)
            if record.exc_info:
                self._add(logging.Formatter().formatException(record.exc_info).replace("\n", "\n  "))

    def printed(self, text: str) -> None:
        """Take what the code of the trial has printed."""
        with self._lock:
            if self._printed.add(text, next(self._numbers), _now()):
                self._has_printed = True

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Take what is logged in the block: by prunesweep from level INFO, by others from WARNING."""
        if self._written is None and self._beginning is None:
            self._begin_writing()
        ours = logging.getLogger("workers")
        level = ours.level
        ours.setLevel(logging.INFO)
        logging.getLogger().addHandler(self)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(self)
            ours.setLevel(level)

    def _begin_writing(self) -> None:
        if not self._is_first:
            self.flush(force=True)
            return
        self._beginning = threading.Timer(_SILENT_SECONDS, self._write_beginning)
        self._beginning.daemon = True
        self._beginning.start()

    def _write_beginning(self) -> None:
        with self._lock:
            if not self._is_over and self._written is None:
                self.flush(force=True)

    def end(self, outcome: str, step: int | None, reason: str = "") -> None:
        """The last lines: how the attempt ended, at which step, and why."""
        with self._lock:
            self._is_over = True
            if self._beginning is not None:
                self._beginning.cancel()
            self._printed.finish(next(self._numbers), _now())
            if outcome == "done" and self._has_nothing_to_tell:
                return
            if self._progress is not None:
                self._append(self._progress)
                self._progress = None
            at_step = "" if step is None else f" at step {step:,}"
            self._add(f"ends: {outcome}{at_step}" + (f"\n{reason}" if reason else ""))
            self.flush()

    @property
    def _has_nothing_to_tell(self) -> bool:
        return self._is_first and self._written is None and not self._lines and not self._printed.lines

    def flush(self, force: bool = False) -> None:
        """Write the log, if it has changed; for printed lines only now and then. Then `is_written` says whether."""
        with self._lock:
            now = time.monotonic()
            due = self._has_printed and (self._written is None or now - self._written >= _PRINTED_SECONDS)
            if self._changed or due or force:
                self.is_written = self._write()
                self._changed = self._has_printed = False
                self._written = now
            elif self._has_printed:
                self.is_written = False

    def _write(self) -> bool:
        try:
            self._files.write(self.path, self._text().encode("utf-8", "replace"), False)  # need not be durable
        except OSError:
            return False
        return True

    def _text(self) -> str:
        cut = [f"({plural(self._printed.cut, 'earlier printed line')} cut)"] if self._printed.cut else []
        lines = [line for _, line in heapq.merge(self._lines, self._printed.lines)]
        newest = [] if self._progress is None else [self._progress]
        return "\n".join([self._begin, *cut, *lines, *newest, ""])

    def _add(self, text: str) -> None:
        self._append(f"{_now()} {text}")
        self._changed = True

    def _append(self, line: str) -> None:
        self._lines.append((next(self._numbers), line))


def add_left_over(files: Files, path: str, printed: str, ending: str) -> None:
    """Add to the log of an attempt whose process has died what it printed last, and how it ended.

    It may have died before it began its log.
    """
    lines, now = PrintedLines(), _now()
    lines.add(printed, 0, now)
    lines.finish(0, now)
    begun = []
    with contextlib.suppress(FileNotFoundError):
        begun = [files.read(path).decode("utf-8", "replace").rstrip("\n")]
    last = [line for _, line in lines.lines]
    files.write(path, "\n".join([*begun, *last, f"{now} ends: {ending}", ""]).encode("utf-8", "replace"))


def attempts(files: Files, trial: str) -> list[int]:
    """The numbers of the attempts at a trial that have a log, sorted."""
    folder = layout.log_folder(trial)
    logs = (layout.parse_log_path(f"{folder}/{name}") for name in files.names(folder))
    return sorted(log[1] for log in logs if log is not None)


def latest(files: Files, trial: str) -> str | None:
    """The path of the log of the latest attempt at a trial."""
    number = max(attempts(files, trial), default=None)
    return None if number is None else layout.log_path(trial, number)


def running(files: Files, trial: str, drivers: Mapping[str | None, str]) -> str | None:
    """How far the latest attempt at a trial is, by its log; empty if it does not say so yet.

    None if it has ended, belongs to none of the `drivers` that are at work, or has no log. `drivers` says since when
    (ISO 8601, UTC) they are, by their shard, or None for the driver of a whole store.
    """
    path = latest(files, trial)
    if path is None:
        return None
    try:
        log = files.tail(path, _MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    begin = _BEGIN.match(log)
    if _ENDING.search(log) or begin is None or begin[2] not in drivers or begin[1] < drivers[begin[2]]:
        return None
    lines = _PROGRESS.findall(log)
    return lines[-1] if lines else ""


def host_of(files: Files, path: str) -> str | None:
    """The host of the attempt of a log; None if the log cannot be read."""
    try:
        begin = _HOST.search(files.read(path).decode("utf-8", "replace"))
    except OSError:
        return None
    return begin[1] if begin else None


def latest_outcome(files: Files, trial: str) -> str | None:
    """The outcome in the log of the latest attempt at a trial; None while it has not ended, or without a log."""
    try:
        path = latest(files, trial)
        log = "" if path is None else files.read(path).decode("utf-8", "replace")
    except OSError:
        return None
    outcomes = _ENDING.findall(log)
    return outcomes[-1] if outcomes else None  # an earlier one is what the user's own code logged


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
