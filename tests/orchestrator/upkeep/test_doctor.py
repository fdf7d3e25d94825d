"""What `doctor` checks of a machine and a store, and what it says to do."""

from __future__ import annotations

import shutil
import sys

import pytest

from orchestrator.upkeep.doctor import examine
from workers.store import Store


@pytest.fixture(autouse=True)
def broken_python(monkeypatch):
    """torch is asked for its version in another process, which takes seconds: here that process fails at once."""
    monkeypatch.setattr(sys, "executable", shutil.which("false"))


def test_what_fails_is_named_with_its_reason(tmp_path):
    checks = {check.what: check for check in examine(None, None)}
    assert checks["torch"].lines() == ["✘ torch: crashed"]
    assert checks["prunesweep"].good
    assert checks["CPUs"].good


def test_a_store_is_checked_if_it_is_named(tmp_path):
    store = Store(tmp_path / "store", create=True)
    sound = examine(store.location, None)[-1]
    assert (sound.what, sound.good) == (f"store {store.location}", True)
    assert sound.found.startswith("writable, ")


def test_a_missing_store_comes_with_a_hint_in_a_line_after_it(tmp_path):
    missing = examine(str(tmp_path / "nowhere"), None)[-1]
    assert not missing.good
    assert missing.hint
    problem, hint = missing.lines()
    assert problem.startswith(f"✘ store {tmp_path / 'nowhere'}: ")
    assert hint == f"  hint: {missing.hint}"
