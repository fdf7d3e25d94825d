"""Addresses of clusters that are wrong, dead, silent or something else."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from ray.exceptions import AuthenticationError, RpcError

from orchestrator.driver.interrupt import Interrupt
from orchestrator.driver.on_ray import address
from orchestrator.driver.on_ray import cluster as clusters
from orchestrator.driver.on_ray.address import answers, listens
from orchestrator.driver.on_ray.cluster import Cluster, connected
from orchestrator.driver.options import RunOptions
from workers.errors import ClusterLost, InputError

HTTP2 = b"\0\0\0\4\0\0\0\0\0"


@contextmanager
def listening(words=None):
    """A server that accepts connections and sends some words, or nothing."""
    kept = []

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            kept.append(connection)
            if words is not None:
                connection.sendall(words)

    with socket.create_server(("0.0.0.0", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    for connection in kept:
        connection.close()


def refusal(place, seconds=60.0):
    with pytest.raises(InputError) as caught:
        address.resolve(place, seconds)
    return caught.value


def test_nobody_there():
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
    error = refusal(f"127.0.0.1:{port}")
    assert error.message == f"cannot reach a Ray cluster at `127.0.0.1:{port}`: Connection refused"
    assert error.hint == "check the host and the port, and check that `ray status` works there"


def test_a_server_that_accepts_and_never_answers():
    with listening() as place:
        assert refusal(place, 0.2).message == f"cannot reach a Ray cluster at `{place}`: no answer within 0.2 s"


def test_another_service():
    with listening(b"-ERR unknown command\r\n") as place:
        assert refusal(place).message.endswith("what answers there is another service")


@pytest.mark.parametrize("path", [None, "nowhere"])
def test_a_token_that_is_to_be_shown_and_is_not_there(monkeypatch, tmp_path, path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    if path:
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / path))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with listening(HTTP2) as place, clusters._environment({"RAY_AUTH_MODE": "token"}):
        error = refusal(place)
    monkeypatch.undo()
    clusters._read_authentication()
    assert ": no token for Ray is in $RAY_AUTH_TOKEN, $RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token" in error.message
    assert error.hint.startswith("set $RAY_AUTH_TOKEN, ")


def test_a_server_of_the_same_protocol_that_is_not_a_cluster(monkeypatch):
    silent = threading.Event()
    monkeypatch.setattr("ray._raylet.GcsClient", lambda address: silent.wait())
    with listening(HTTP2) as place:
        assert refusal(place, 0.3).message.endswith("no answer within 0.3 s")
    silent.set()


def test_a_service_that_refuses_the_question(monkeypatch, capfd):
    def refuse(address):
        os.write(2, b"gcs_client.cc:210: Failed to get cluster ID from GCS server")  # as Ray's native code does
        raise RpcError("Received http2 header with status: 404")

    monkeypatch.setattr("ray._raylet.GcsClient", refuse)
    with listening(HTTP2) as place:
        assert refusal(place).message.endswith("what answers there is not a cluster of this version of Ray")
    assert capfd.readouterr().err == ""


def test_a_cluster_that_wants_another_token(monkeypatch):
    def refuse(address):
        raise AuthenticationError("UNAUTHENTICATED")

    monkeypatch.setattr("ray._raylet.GcsClient", refuse)
    with listening(HTTP2) as place:
        error = refusal(place)
    assert error.message.endswith("it refuses the token for Ray of this process, or wants one")
    assert error.hint == "set $RAY_AUTH_TOKEN, and check that `ray status` works there"


def test_a_cluster_without_a_node_on_this_machine(monkeypatch):
    monkeypatch.setattr("ray._raylet.GcsClient", lambda address: SimpleNamespace(cluster_id="x"))
    nodes = set()
    monkeypatch.setattr("ray._private.services.find_node_ids", lambda: nodes)
    with listening(HTTP2) as place:
        error = refusal(place)
        nodes.add("a1b2")
        assert address.resolve(place).endswith(place.partition(":")[2])
    assert error.message == f"this machine is not a node of the Ray cluster: {place}"
    assert "`prunesweep launch --via job`" in error.hint


def test_options_are_checked_before_a_run_inspects_anything():
    with pytest.raises(InputError, match="Ray Client addresses are not supported: ray://head:1"):
        RunOptions(address="ray://head:1").checked()
    assert RunOptions(address="local").checked() == RunOptions(address="local")
    assert RunOptions(address="ray://head:1", in_process=True).checked().in_process


@pytest.mark.parametrize("place", ["head", "http://head:6379", "head:port", ":", "local"])
def test_what_is_not_an_address(place):
    error = refusal(place)
    assert error.message == f"not the address of a Ray cluster: {place}"
    assert error.hint.startswith("use `--address HOST:PORT`")


def test_a_ray_client():
    assert refusal("ray://head:10001").message == "Ray Client addresses are not supported: ray://head:10001"


def test_no_cluster_on_this_machine(monkeypatch):
    def nothing(_):
        raise ConnectionError("Could not find any running Ray instance")

    monkeypatch.setattr("ray._private.services.canonicalize_bootstrap_address", nothing)
    assert refusal("auto").message == "no Ray cluster found on this machine: auto"


def test_a_run_is_refused_before_ray_tries():
    with socket.create_server(("0.0.0.0", 0)) as server:
        port = server.getsockname()[1]
    with (
        pytest.raises(InputError, match="Connection refused"),
        connected(Cluster(address=f"127.0.0.1:{port}"), Interrupt()),
    ):
        pass


def test_a_ray_that_does_not_start(monkeypatch):
    def slow(**_):
        raise Exception("The current node timed out during startup")

    monkeypatch.setattr("ray.init", slow)
    with (
        pytest.raises(ClusterLost, match="cannot be started on this machine: The current node timed out") as caught,
        connected(Cluster(), Interrupt()),
    ):
        pass
    assert caught.value.hint.startswith("check the memory")


def test_sigterm_while_ray_starts(monkeypatch):
    monkeypatch.setattr("ray.init", lambda **_: sys.exit(signal.SIGTERM))  # as Ray's own handler does
    interrupt = Interrupt()
    with connected(Cluster(), interrupt) as slots:
        assert (slots, interrupt.signal) == (0, signal.SIGTERM)


def test_a_process_that_is_connected_to_ray_already(monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: True)
    with pytest.raises(InputError, match="this process is connected to Ray already"), connected(Cluster(), Interrupt()):
        pass


def test_a_local_ray_leaves_the_environment_as_it_was(monkeypatch):
    seen = []
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setattr("ray.init", lambda **_: seen.append(os.environ["RAY_AUTH_MODE"]))
    monkeypatch.setattr("ray.shutdown", lambda: seen.append(len(os.environ["RAY_AUTH_TOKEN"])))
    monkeypatch.setattr("ray.get_runtime_context", lambda: SimpleNamespace(gcs_address="127.0.0.1:1"))
    monkeypatch.setattr(clusters, "slots_of", lambda *_, **__: 1)
    with connected(Cluster(), Interrupt()) as slots:
        assert slots == 1
    assert seen == ["token", 64]  # Ray listens on every network of the machine
    assert not os.environ.keys() & {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN"}  # a cluster at an address may want others


def test_listening_is_less_than_answering():
    with listening() as silent:  # as one that is stopped with SIGSTOP
        assert listens(silent)
        assert not answers(silent, 0.2)
    assert not listens(silent)
    with listening(HTTP2) as place:
        assert answers(place, 60)
