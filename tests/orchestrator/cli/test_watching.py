"""`status --watch`, on a terminal and over a pipe, until the sweep ends or Ctrl-C."""

from __future__ import annotations

import io
import signal
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from orchestrator import cli
from orchestrator.cli import watching
from orchestrator.cli.stuck import Interrupted
from orchestrator.cli.watching import watch
from orchestrator.upkeep.status import Status, read_status
from tests.support.clock import Clock
from tests.support.records import cell, make_store
from workers.store import layout
from workers.store.lease import Lease
from workers.store.lease_owner import read_owner

DRIVER = {"host": "elsewhere", "pid": 1, "user": "me", "begun": "today", "says": "", "shard": None, "silent": None}
STATUS = Status(
    store="store",
    sweeps=[],
    retired=[],
    records=0,
    checkpoints=0,
    checkpoint_bytes=0,
    conflicts=[],
    bytes=0,
    free_bytes=None,
    unreadable={},
    drivers=[DRIVER],
    renewals={None: ("token", 0)},
    dead_shards=[],
    running={},
)


def statuses(*stores):
    """A function that returns statuses of these stores one after the other; only the last is without a driver."""
    *driven, last = [replace(STATUS, store=store, renewals={None: (store, 0)}) for store in stores]
    return iter([*driven, replace(last, drivers=[], renewals={})]).__next__


def follow(read, sleeps=None):
    return watch(read, lambda status: status.store, 2.0, sleep=(sleeps if sleeps is not None else []).append)


def test_over_a_pipe_the_status_is_printed_when_it_changes_without_control_codes(capsys):
    sleeps = []
    last = follow(statuses("one", "one", "two", "end"), sleeps)
    assert last.store == "end"
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
    clock, sleeps = Clock(), []
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=clock))
    read = statuses("one", "end")

    def read_slowly():
        clock.now += 10
        return read()

    follow(read_slowly, sleeps)
    assert sleeps == [30]


def silences(monkeypatch, renewals):
    """The seconds at which drivers are shown as silent, by shard, and the last status. `renewals` tell at a second."""

    def read():
        current = renewals(clock.now)
        return replace(STATUS, drivers=[DRIVER | {"shard": shard} for shard in current], renewals=current)

    def show(status):
        for driver in status.drivers:
            if driver["silent"]:
                silent.setdefault(driver["shard"], []).append(clock.now)
        return str(status)

    def sleep(seconds):
        clock.now += seconds

    clock, silent = Clock(), {}
    monkeypatch.setattr(watching, "time", SimpleNamespace(monotonic=clock))
    return silent, watch(read, show, 2.0, sleep=sleep)


def test_a_driver_elsewhere_is_silent_once_its_lease_has_expired_by_the_watchers_clock(monkeypatch, capsys):
    silent, last = silences(monkeypatch, lambda now: {"1/2": ("a", min(3, int(now / 15)))})
    assert silent == {"1/2": [108]}  # first seen to be renewed for the third time at 46 s
    assert "no sign of life for 60 s: if it has died, `prunesweep resume store --shard 1/2` continues it" in str(last)
    assert "no sign of life" not in capsys.readouterr().out  # whoever called shows the last status


def test_a_silent_driver_is_shown_until_another_one_takes_its_lease_and_others_are_watched_on(monkeypatch):
    def renewals(now):
        if now >= 300:
            return {}
        return {"1/2": ("c", int(now / 15)) if now >= 150 else ("a", 0), "2/2": ("b", int(now / 15))}

    silent, last = silences(monkeypatch, renewals)
    assert silent == {"1/2": list(range(62, 150, 2))}
    assert last.drivers == []


def test_a_driver_on_this_machine_that_is_seen_to_run_is_not_silent(tmp_path):
    store = make_store(tmp_path / "store", [cell()], [])
    with Lease(store, period=600):  # not renewed meanwhile
        here = read_status(store)
        owner = read_owner(store.files)
        store.files.write(layout.LEASE, replace(owner, host="elsewhere").to_bytes())
        elsewhere = read_status(store)
    assert ([driver["silent"] for driver in (here.driver, elsewhere.driver)], here.is_driven) == ([False, None], True)
    assert elsewhere.renewals == {None: (owner.token, owner.counter)}


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
