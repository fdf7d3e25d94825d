"""The connection to a cluster: the token for Ray is shown to it before anything asks it something."""

from __future__ import annotations

import os

import pytest

from orchestrator.driver.on_ray import cluster


@pytest.fixture
def shown(monkeypatch):
    """What Ray is told of tokens when a cluster is asked for the first time."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "t" * 32)
    modes = []
    monkeypatch.setattr(cluster, "resolve", lambda address: modes.append(os.environ.get("RAY_AUTH_MODE")))
    yield modes
    monkeypatch.undo()
    cluster._read_authentication()


def test_a_token_that_there_is_is_shown_unless_it_must_not_be(shown, monkeypatch):
    cluster.check_address("head:6379")
    monkeypatch.delenv("RAY_AUTH_MODE")
    cluster.check_address("local")
    cluster.check_address("head:6379")
    assert shown == ["disabled", "token"]
