"""`status --watch`, on a terminal and over a pipe, until the sweep ends or Ctrl-C."""

from __future__ import annotations

import io
import signal
import sys
import time
from types import SimpleNamespace

import pytest

from orchestrator import cli
from orchestrator.cli import watching
from orchestrator.cli.stuck import Interrupted
from orchestrator.cli.watching import watch
from tests.support.records import cell, make_store
from workers.store.lease import Lease

DRIVER = {"host": "here", "pid": 1}


def statuses(*texts):
    """A function that returns these statuses one after the other; only the last is without a driver."""
    rest = [SimpleNamespace(text=text, driver=DRIVER) for text in texts]
    rest[-1].driver = None
    return iter(rest).__next__


def follow(read, sleeps=None):
    return watch(read, lambda status: status.text, 2.0, sleep=(sleeps if sleeps is not None else []).append)


def test_over_a_pipe_the_status_is_printed_when_it_changes_without_control_codes(capsys):
    sleeps = []
    last = follow(statuses("one", "one", "two", "end"), sleeps)
    assert last.text == "end"
    assert capsys.readouterr().out == "one\n\ntwo\n\n"
    assert sleeps == pytest.approx([2.0] * 3)


def test_on_a_terminal_the_status_is_drawn_in_place(monkeypatch):
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    follow(statuses("one", "two", "end"))
    drawn = screen.getvalue()
    assert drawn.index("one") < drawn.index("two") < drawn.index("end")
    assert "\x1b[2K" in drawn  # what was there is erased


def test_reading_takes_a_quarter_of_the_time_at_most(monkeypatch):
    clock, sleeps = iter(range(0, 1000, 10)), []
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    follow(statuses("one", "end"), sleeps)
    assert sleeps == [30]


def test_ctrl_c_ends_it_with_130(main, tmp_path, monkeypatch):
    store = make_store(tmp_path / "store", [cell()], [])

    def interrupted(_):
        raise Interrupted(signal.SIGINT)

    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=time.monotonic, sleep=interrupted))
    with Lease(store):
        code, stdout, stderr = main("status", store.location, "--watch")
    assert (code, stderr) == (130, "\nInterrupted\n")
    assert "0 of 1 cell done" in stdout


def test_without_a_driver_it_shows_the_status_once(main, tmp_path):
    store = make_store(tmp_path / "store", [cell()], [])
    assert main("status", store.location, "--watch") == main("status", store.location)
    assert main("status", "--watch", "0.5", store.location) == main("status", store.location)
    assert main("status", "--watch=7", store.location)[0] == 0


@pytest.mark.parametrize(
    ("words", "spelled"),
    [
        (["status", "--watch"], ["status", "--watch=2"]),
        (["status", "--watch", "10", "store"], ["status", "--watch=10", "store"]),
        (["status", "--watch", "store"], ["status", "--watch=2", "store"]),
        (["resume", "--retry-failed", "--watch"], ["resume", "--retry-failed=all", "--watch=2"]),
        (["resume", "--retry-failed", "io,bug", "x"], ["resume", "--retry-failed=io,bug", "x"]),
    ],
)
def test_options_may_be_without_their_value(words, spelled):
    assert cli._spelled_out(words) == spelled
