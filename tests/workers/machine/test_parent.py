"""Processes end with the one that started them."""

from __future__ import annotations

import os
import threading

import pytest

from workers.machine.parent import end_with_parent


def test_a_process_ends_once_its_parent_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    parents, ended = [7, 7, 7, 1], threading.Event()
    monkeypatch.setattr(os, "getppid", lambda: parents.pop(0))
    monkeypatch.setattr(os, "_exit", lambda code: ended.set())
    end_with_parent(seconds=0.001)
    assert ended.wait(60)
    assert parents == []
