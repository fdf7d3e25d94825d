"""The connection to a cluster: it is shown the token for Ray that is meant for it, if it wants one."""

from __future__ import annotations

import os

import pytest
from ray._private.authentication.authentication_token_setup import maybe_enable_token_auth_if_token_available

from orchestrator.driver.on_ray import cluster
from orchestrator.driver.on_ray.address import TokenWanted
from workers.errors import InputError

VARIABLES = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS")
SHOWN = {"RAY_AUTH_MODE": "token"}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without a token, and an environment that says nothing of one."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    cluster._read_authentication()
    yield tmp_path
    monkeypatch.undo()
    cluster._read_authentication()


@pytest.fixture
def wanting(monkeypatch):
    """A cluster that wants a token; it is asked with these modes of authentication."""
    modes = []

    def resolve(address):
        modes.append(os.environ.get("RAY_AUTH_MODE"))
        if modes[-1] != "token":
            raise TokenWanted("wants a token")

    monkeypatch.setattr(cluster, "resolve", resolve)
    return modes


@pytest.mark.parametrize("name", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"])
def test_a_cluster_that_wants_a_token_is_shown_the_one_that_is_given(wanting, monkeypatch, name):
    monkeypatch.setenv(name, "t" * 32)
    assert cluster._variables_for("head:6379") == SHOWN
    assert wanting == [None, "token"]
    assert "RAY_AUTH_MODE" not in os.environ
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(InputError, match="wants a token"):
        cluster.check_address("head:6379")


@pytest.mark.parametrize("address", ["head:6379", "auto"])
def test_a_cluster_that_wants_no_token_is_shown_none(monkeypatch, address):
    """In its workers, which have none, the calls of a driver with one would fail."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "t" * 32)
    monkeypatch.setattr(cluster, "resolve", lambda address: address)
    with cluster._environment(cluster._variables_for(address)):
        assert not maybe_enable_token_auth_if_token_available()  # as `ray.init` does for `auto`
    assert "RAY_AUTH_MODE" not in os.environ


def test_the_token_that_ray_makes_for_this_machine_is_shown_only_here(wanting, home, monkeypatch):
    with pytest.raises(InputError, match="wants a token"):
        cluster.check_address("auto")
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text("t" * 32)
    cluster._read_authentication()
    assert cluster._variables_for("auto") == SHOWN
    with pytest.raises(InputError, match="wants a token"):
        cluster.check_address("head:6379")
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    with pytest.raises(InputError, match="wants a token"):
        cluster.check_address("auto")


def test_a_local_ray_has_a_token():
    assert cluster._variables_for("local")["RAY_AUTH_MODE"] == "token"
