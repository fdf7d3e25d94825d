"""What `doctor` checks of a machine and a store, and what it says to do."""

from __future__ import annotations

import shutil
import socket
import sys
import threading

import pytest

from orchestrator.upkeep import doctor
from orchestrator.upkeep.doctor import Check, examine
from workers.data.batches.shared_memory import SharedMemory
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


def test_torch_is_shown_where_only_torchvision_is_broken(tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho noise; echo 'found: 2.9, no GPU'; echo 'operator torchvision::nms' >&2; exit 1")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    checks = {check.what: check for check in examine(None, None)}
    assert checks["torch"] == Check("torch", good=True, found="2.9, no GPU")
    assert checks["torchvision"].found == "operator torchvision::nms"
    assert checks["torchvision"].hint.startswith("install torch and torchvision with uv")


def test_a_store_is_checked_if_it_is_named(tmp_path):
    store = Store(tmp_path / "store", create=True)
    sound = [*examine(store.location, None)][-1]
    assert (sound.what, sound.good) == (f"store {store.location}", True)
    assert sound.found.startswith("writable, ")


def test_a_missing_store_comes_with_a_hint_in_a_line_after_it(tmp_path):
    missing = [*examine(str(tmp_path / "nowhere"), None)][-1]
    assert not missing.good
    assert missing.hint
    problem, hint = missing.lines()
    assert problem.startswith(f"✘ store {tmp_path / 'nowhere'}: ")
    assert hint == f"  hint: {missing.hint}"


@pytest.mark.parametrize(("total", "mark", "hinted"), [(64_000_000, "✘", True), (8_000_000_000, "✔", False)])
def test_a_small_shared_memory_is_said_with_its_remedy(total, mark, hinted, monkeypatch):
    monkeypatch.setattr(doctor, "shared_memory", lambda: SharedMemory(total, 60_000_000))
    check = next(check for check in examine(None, None) if check.what == "shared memory")
    line, *hint = check.lines()
    assert line.startswith(f"{mark} shared memory: 60 MB free of {'8 GB' if total > 10**9 else '64 MB'} in `/dev/shm`")
    assert hint == (["  hint: start the container with `--shm-size=8g` or `--ipc=host`"] if hinted else [])


def test_a_check_that_takes_too_long_holds_up_no_other(monkeypatch):
    end = threading.Event()
    monkeypatch.setattr(doctor, "_store", lambda _: str(end.wait()))
    monkeypatch.setattr(doctor, "CHECK_SECONDS", 0.05)
    checks = examine("/mnt/hung", None)
    assert next(checks).what == "prunesweep"
    last = [*checks][-1]
    assert last == Check("store /mnt/hung", good=False, found="no answer within 0.05 s")
    end.set()


def test_a_cluster_that_is_not_there_comes_last_with_a_hint(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    *others, store, cluster = examine(str(tmp_path / "nowhere"), address)
    assert "is not a prunesweep store" in store.found
    assert cluster.found.startswith("cannot reach a Ray cluster")
    assert "CPUs" in [check.what for check in others]
    assert (cluster.what, cluster.good) == (f"cluster {address}", False)
    assert cluster.hint == "check the host and the port, and check that `ray status` works there"
