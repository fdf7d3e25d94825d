"""The end of a sweep is told even if its driver could not."""

from __future__ import annotations

import json

import pytest

from orchestrator.driver.situation import Situation
from orchestrator.driver.supervision import announcement
from orchestrator.driver.supervision.announcement import announce
from orchestrator.driver.supervision.endings import ending_of
from orchestrator.tracking import audience
from tests.support.records import cell, dense_cell, make_store, record_of
from workers.store.failures import Failure


@pytest.fixture
def end(tmp_path, monkeypatch):
    """Announces the end of a sweep in a store whose driver was killed; returns what the command is told."""
    monkeypatch.setattr(announcement, "_STORE_SECONDS", 600)  # however busy the machine is
    monkeypatch.setattr(audience, "_NOTICE_SECONDS", 600)

    def announced(store):
        told = tmp_path / "told.json"
        situation = Situation(store=str(store), sweep="digits", on_end=f"cat > '{told}'")
        announce(situation, ending_of(-9, situation), 61.0)
        return json.loads(told.read_text())

    return announced


def test_the_command_is_told_how_far_the_sweep_was_and_why_it_ended(tmp_path, end):
    dense, pruned = dense_cell(), cell()
    store = make_store(tmp_path / "store", [dense, pruned], [record_of(dense)])
    store.failures.write(pruned["trial"], Failure(outcome="bug", reason="x"))
    store.failures.write("of another sweep", Failure(outcome="io", reason="x"))
    told = end(store.location)
    assert (told["outcome"], told["exit_code"], told["seconds"]) == ("error", 75, 61.0)
    assert (told["cells"], told["cells_done"], told["failed"]) == (2, 1, {"bug": 1})
    assert told["reason"].startswith("the driver was killed (SIGKILL)")


def test_the_command_is_told_if_the_store_is_gone_too(tmp_path, end):
    told = end(tmp_path / "nowhere")
    assert (told["sweep"], told["cells"], told["exit_code"]) == ("digits", 0, 75)
