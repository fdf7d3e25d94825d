"""Processes end with the one that started them."""

from __future__ import annotations

import os
import threading

import pytest

from workers.machine.parent import end_with_parent


def test_a_process_ends_once_its_parent_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    check_ends(monkeypatch, [7, 7, 7, 1])


def test_a_process_ends_whose_parent_has_ended_while_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    check_ends(monkeypatch, [1])


def check_ends(monkeypatch: pytest.MonkeyPatch, parents: list[int]) -> None:
    """Check that a child of process 7 ends once it has had these parents one after the other."""
    ended = threading.Event()
    monkeypatch.setattr(os, "getppid", lambda: parents.pop(0))
    monkeypatch.setattr(os, "_exit", lambda code: ended.set())
    end_with_parent(7, seconds=0.001)
    assert ended.wait(60)
    assert parents == []
