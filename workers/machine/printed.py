"""What the code of a trial prints, kept off the terminal for the trial's log."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import io
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from workers.machine import standard_input

_MOST_BYTES = 500_000  # of what is printed between two calls of `take` are kept: the newest
_LONGEST_FILE = 100_000_000  # bytes
_STDOUT, _STDERR = 1, 2

_lock = threading.Lock()
_streams: dict[int, TextIO] = {}  # where each thread that runs a trial prints to


class Printed:
    """Takes what is printed while it is `capturing`, in the order in which it is printed.

    That is what Python code prints in this thread, and in a process of the trial's own (`own_process`) everything that
    is written to stdout and stderr there: also by other threads, by libraries in C, and by child processes. It lies in
    a file at `path`, for whoever finds it there if this process dies.
    """

    def __init__(self, own_process: bool, path: Path) -> None:
        self._own_process = own_process
        self._path = path
        self._stream: TextIO | None = None
        self._taken = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @contextlib.contextmanager
    def capturing(self) -> Iterator[None]:
        """Capture what the block prints. Without room for a file nothing is captured."""
        if self._stream is None:
            with contextlib.suppress(OSError):
                self._stream = _new_file(self._path)
                weakref.finalize(self, os.close, self._stream.fileno())
            with warnings.catch_warnings():  # leaving this block makes Python show each warning once more
                pass
        if self._stream is None:
            yield
            return
        apart = descriptors_to(self._stream.fileno()) if self._own_process else contextlib.nullcontext()
        with apart, standard_input.kept_from_trial(_streams, self._own_process), _thread_prints_to(self._stream):
            yield

    def take(self) -> str:
        """What was printed since the last call; if that is too much, its end."""
        if self._stream is None:
            return ""
        file = self._stream.fileno()
        begin, self._taken = self._taken, os.fstat(file).st_size
        cut = max(0, self._taken - begin - _MOST_BYTES)
        text = self._decoder.decode(os.pread(file, self._taken - begin - cut, begin + cut))
        if self._taken > _LONGEST_FILE:
            self.forget()
        return f"({cut:,} bytes are cut)\n{text}" if cut else text

    def forget(self) -> None:
        """Delete what has been taken from the file: it is kept elsewhere."""
        if self._stream is not None and os.fstat(self._stream.fileno()).st_size == self._taken:
            os.ftruncate(self._stream.fileno(), 0)
            self._taken = 0

    def close(self) -> None:
        """Delete the file: nothing of it is needed any more."""
        if self._stream is not None:
            with contextlib.suppress(OSError):  # a file that stays is worth no failure
                self._path.unlink(missing_ok=True)


def left_over(path: Path, *, certainly: bool) -> str | None:
    """The end of what a dead process left in its file; None without a file. Deletes the file.

    Unless it has `certainly` died, None also if it still has the file open.
    """
    try:
        with path.open("rb") as file:
            if not certainly:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _MOST_BYTES))
            text = file.read().decode("utf-8", "replace")
        path.unlink()
    except OSError:
        return None
    return text


def _new_file(path: Path) -> TextIO:
    """A new file, only for this user. Whoever writes to it appends, also in another process."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.parent.stat().st_uid != os.getuid():
        raise PermissionError(f"the folder of another user: {path.parent}")
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # as long as this process, or one that it starts, has it open
    return io.TextIOWrapper(
        _LossyFile(descriptor, "w", closefd=False), encoding="utf-8", errors="replace", write_through=True
    )


class _LossyFile(io.FileIO):
    """A file that takes what it has room for: on a full disk, printing does not fail."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)


class _ByThread:
    """In place of `sys.stdout` or `sys.stderr`: the stream of the thread that asks, else the original."""

    def __init__(self, original: TextIO) -> None:
        self.original = original

    def __getattr__(self, name: str) -> Any:
        return getattr(_streams.get(threading.get_ident(), self.original), name)


@contextlib.contextmanager
def _thread_prints_to(stream: TextIO) -> Iterator[None]:
    """Let this thread print to a stream. Threads may enter and leave in any order."""
    thread = threading.get_ident()
    with _lock:
        if not _streams:
            sys.stdout, sys.stderr = cast(TextIO, _ByThread(sys.stdout)), cast(TextIO, _ByThread(sys.stderr))
        _streams[thread] = stream
    try:
        yield
    finally:
        with _lock:
            del _streams[thread]
            if not _streams:
                sys.stdout, sys.stderr = _original(sys.stdout), _original(sys.stderr)


def stderr_of_process() -> TextIO:
    """Where this process writes errors, also while the thread that asks prints to the log of a trial."""
    return _original(sys.stderr)


def _original(stream: TextIO) -> TextIO:
    return stream.original if isinstance(stream, _ByThread) else stream


@contextlib.contextmanager
def descriptors_to(file: int) -> Iterator[None]:
    """Let the descriptors 1 and 2 of this process, and of those that it starts, write to a file."""
    _flush()
    saved = os.dup(_STDOUT), os.dup(_STDERR)
    try:
        os.dup2(file, _STDOUT)
        os.dup2(file, _STDERR)
        yield
    finally:
        _flush()
        for before, descriptor in zip(saved, (_STDOUT, _STDERR), strict=True):
            os.dup2(before, descriptor)
            os.close(before)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed, or its reader is gone
            stream.flush()
