"""How long the supervisor waits for a driver whose Ray or store may be gone."""

from __future__ import annotations

import os
import signal
import socket
import threading
from types import SimpleNamespace

import pytest

from orchestrator.driver.situation import Situation
from orchestrator.driver.supervision import patience as module
from orchestrator.driver.supervision.children import children
from orchestrator.driver.supervision.endings import DIED, DriverEnding
from orchestrator.driver.supervision.patience import Patience
from workers.store.filesystems.local import LocalFiles

DRIVER = os.getpid()  # has no children of Ray's


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize(("place", "seconds"), [("head:6379", 15), ("local", 60)])
def test_connecting_has_a_deadline(clock, place, seconds):
    patience, situation = Patience(DRIVER), Situation(connecting=place)
    clock.now += 1000  # before that, it inspected data
    assert patience.exhausted(situation, []) is None
    clock.now += seconds
    assert patience.exhausted(situation, []) is None
    clock.now += 0.1
    ending = patience.exhausted(situation, [])
    assert ending.code == DIED
    assert f"within {seconds} s" in ending.words


def test_a_signal_ends_connecting_after_a_moment(clock):
    patience, situation = Patience(DRIVER), Situation(connecting="local")
    assert patience.exhausted(situation, [signal.SIGTERM]) is None
    clock.now += 6
    assert patience.exhausted(situation, [signal.SIGTERM]) == DriverEnding(143, "Interrupted")


def test_a_local_ray_that_dies_while_it_starts_is_not_waited_for(clock, monkeypatch):
    parts = {}
    monkeypatch.setattr(module, "children", lambda parent: parts)
    patience, situation = Patience(DRIVER), Situation(connecting="local")
    for parts in ({}, {"gcs_server": True}, {"gcs_server": True, "raylet": True}, {"raylet": True}):  # noqa: B007  (as below)
        clock.now += 5
        assert patience.exhausted(situation, []) is None
    clock.now += 1
    assert patience.exhausted(situation, []) == DriverEnding(DIED, "error: Ray has died while it started")
    parts, patience = {"gcs_server": False}, Patience(DRIVER)
    assert patience.exhausted(situation, []) is None
    clock.now += 6
    assert patience.exhausted(situation, []) == DriverEnding(DIED, "error: Ray has died while it started")


def test_a_child_that_has_ended_does_not_run(tmp_path):
    for number, status in enumerate(("7 (gcs_server) S 4 9", "8 (raylet) Z 4 9", "9 (a) b) R 4 9", "10 (other) S 5 9")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "stat").write_text(status)
    (tmp_path / "self").mkdir()
    assert children(4, tmp_path) == {"gcs_server": True, "raylet": False, "a) b": True}


def test_ray_may_not_listen_for_a_moment_only(clock, monkeypatch):
    listens = True
    monkeypatch.setattr(module, "listens", lambda place: listens)
    patience, situation = Patience(DRIVER), Situation(store="/runs/mine", ray="head:6379")
    for listens, seconds in ((True, 50), (False, 9), (True, 5), (False, 9)):  # noqa: B007  (read by the function above)
        clock.now += seconds
        assert patience.exhausted(situation, []) is None
    clock.now += 1
    ending = patience.exhausted(situation, [])
    assert (ending.code, "head:6379 cannot be reached" in ending.words) == (DIED, True)


def test_after_a_signal_ray_and_the_store_must_answer(tmp_path, monkeypatch, listening):
    monkeypatch.setattr(module, "_ANSWER_SECONDS", 0.2)  # in which nothing has to happen
    place = f"127.0.0.1:{listening.getsockname()[1]}"
    situation = Situation(store=str(tmp_path), ray=place)

    def words():
        ending = Patience(DRIVER).exhausted(situation, [signal.SIGINT])
        return None if ending is None else (ending.code, ending.words)

    assert words() == (130, "Interrupted: Ray does not answer, so running trials cannot be stopped")
    with monkeypatch.context() as patched:
        patched.setattr(module, "answers", lambda *_: True)
        patched.setattr(module, "_ANSWER_SECONDS", 600.0)
        assert words() is None
        patched.setattr(module, "_ANSWER_SECONDS", 0.2)
        end = threading.Event()
        patched.setattr(LocalFiles, "exists", lambda *_: end.wait())
        code, said = words()
        assert (code, "does not answer, so running trials cannot save their states" in said) == (130, True)
        end.set()
    listening.close()
    assert words() == (130, "Interrupted: Ray has stopped as well")
