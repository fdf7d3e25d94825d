"""The terminal of a run, which may go while the run writes to it."""

from __future__ import annotations

import contextlib
import os

import pytest

from workers.machine import terminal
from workers.machine.terminal import say


@pytest.fixture
def ends(monkeypatch):
    """Both ends of a terminal, in place of that of this process."""
    ours, theirs = os.openpty()
    for name in ("_STDOUT", "_STDERR"):
        monkeypatch.setattr(terminal, name, theirs)
    with open(theirs, "w", buffering=1) as file:
        monkeypatch.setattr("sys.stderr", file)
        yield ours, theirs
    with contextlib.suppress(OSError):
        os.close(ours)


def test_a_living_terminal_is_kept(ends):
    ours, theirs = ends
    terminal.leave_dead_terminal()
    os.write(theirs, b"still here")
    assert os.read(ours, 100) == b"still here"


def test_a_dead_terminal_is_left(ends):
    ours, theirs = ends
    os.close(ours)
    terminal.leave_dead_terminal()
    assert os.write(theirs, b"not seen") == 8


def test_last_words_may_be_unheard(ends):
    ours, _ = ends
    os.close(ours)
    say("Continue with:  prunesweep resume runs/digits")
    say("not seen")
