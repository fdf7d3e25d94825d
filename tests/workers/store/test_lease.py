"""The lease as workers and observers see it: owners that are gone, and clocks that nobody compares."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.support.clock import Clock
from workers.errors import StoreError
from workers.store import Store, layout
from workers.store import lease as lease_module
from workers.store.filesystems.local import LocalFiles
from workers.store.lease import MISSED_PERIODS, PERIOD, Lease, LeaseWatch
from workers.store.lease_owner import Owner, read_owner

FORGED = replace(Owner.this_process(), pid=-1).to_bytes()  # `kill -1` would be the advice


@pytest.fixture
def files(tmp_path):
    return LocalFiles(tmp_path)


def test_a_living_process_is_not_gone_and_one_that_ended_or_was_replaced_is():
    assert not Owner.this_process().is_gone
    assert replace(Owner.this_process(), process_start="1").is_gone  # its id was given to another process
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # a zombie: ended, and not waited for
    assert replace(Owner.this_process(), pid=ended.pid).is_gone
    ended.wait()
    assert replace(Owner.this_process(), pid=ended.pid).is_gone


@pytest.mark.parametrize("elsewhere", [{"host": "elsewhere"}, {"boot": "another"}])
def test_of_another_machine_or_boot_nothing_is_known(elsewhere):
    owner = replace(Owner.this_process(), pid=2**22 + 1, **elsewhere)
    assert (owner.is_local, owner.is_gone) == (False, False)


def test_of_another_users_process_that_the_machine_hides_nothing_is_known(monkeypatch):
    """With `hidepid`, /proc does not have it, and only a signal tells that it is there."""

    def refuse(pid, number):
        raise PermissionError

    ended = replace(Owner.this_process(), pid=2**22 + 1)
    assert (ended.is_local, ended.is_gone) == (True, True)
    monkeypatch.setattr(os, "kill", refuse)
    assert (ended.is_local, ended.is_gone) == (False, False)
    assert Owner.this_process().is_local


def test_a_program_may_have_a_name_that_is_not_text():
    """Linux cuts names after 15 bytes, if need be within a character."""
    script = r"import ctypes, sys; ctypes.CDLL(None).prctl(15, b'\xff', 0, 0, 0); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        assert replace(Owner.this_process(), pid=process.pid).is_gone  # with the start of another process
        process.stdin.close()


def test_an_owner_reads_as_it_was_written(files):
    assert read_owner(files) is None
    owner = Owner.this_process()
    files.write(layout.LEASE, owner.to_bytes())
    assert read_owner(files) == owner


def test_a_renewal_tells_what_the_driver_says_of_its_run(tmp_path):
    store = Store(tmp_path / "store", create=True)
    with Lease(store, period=0.01) as lease:
        assert read_owner(store.files).says == ""
        lease.says = "36/135 cells done"
        deadline = time.monotonic() + 60
        while read_owner(store.files).says != lease.says:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_the_lease_of_an_earlier_version_says_nothing(files):
    before = json.loads(Owner.this_process().to_bytes())
    del before["says"]
    files.write(layout.LEASE, json.dumps(before).encode())
    owner = read_owner(files)
    assert (owner.is_known, owner.says) == (True, "")


@pytest.mark.parametrize(
    "data",
    [b"[]", b"{}", b'{"pid": 1}', b"\xff", b"[" * 100_000, b'{"begun": 1, "pid": "x"}', FORGED],
    ids=["list", "object", "pid", "binary", "deep", "types", "forged"],
)
def test_a_lease_that_cannot_be_read_has_an_unknown_owner(files, data):
    files.write(layout.LEASE, data)
    owner = read_owner(files)
    assert (owner.host, owner.is_local, owner.is_gone, owner.age) == ("unknown", False, False, 0.0)
    assert read_owner(files) == owner  # the same token: it can be seen not to move


def test_a_lease_that_was_released_in_a_bucket_is_an_empty_file(files):
    files.write(layout.LEASE, b"")
    assert read_owner(files) is None


def test_an_age_is_never_negative():
    assert replace(Owner.this_process(), begun="2999-01-01T00:00:00+00:00").age == 0.0


def watched(files, **changes):
    owner, clock = replace(Owner.this_process(), **changes), Clock()
    files.write(layout.LEASE, owner.to_bytes())
    return owner, clock, LeaseWatch(files, owner.token, period=15, clock=clock)


def test_a_worker_continues_while_the_lease_moves_whatever_the_clocks_say(files):
    owner, clock, watch = watched(files, begun="1999-01-01T00:00:00+00:00")
    for counter in range(20):
        files.write(layout.LEASE, replace(owner, counter=counter).to_bytes())
        clock.now += 15
        assert not watch.orphaned


def test_a_worker_stops_after_three_missed_renewals(files):
    _, clock, watch = watched(files)
    found = []
    for clock.now in range(0, 60, 5):
        found.append((clock.now, watch.orphaned))
    assert next(now for now, orphaned in found if orphaned) == 55  # seen to move at 5, and not since


def test_a_worker_stops_once_another_driver_holds_the_lease(files):
    _, clock, watch = watched(files)
    files.write(layout.LEASE, Owner.this_process().to_bytes())
    assert not watch.orphaned  # read no more often than every third of a period
    clock.now = 5
    assert watch.orphaned


def test_a_worker_survives_a_lease_that_is_missing_for_a_moment(files):
    owner, clock, watch = watched(files)
    files.delete(layout.LEASE)
    clock.now = 30
    assert not watch.orphaned
    files.write(layout.LEASE, replace(owner, counter=7).to_bytes())
    clock.now = 44
    assert not watch.orphaned
    clock.now = 44 + 45
    assert not watch.orphaned
    clock.now += 1
    assert watch.orphaned


def test_of_two_drivers_that_wait_for_a_dead_one_the_slower_is_refused(tmp_path, monkeypatch):
    """However long it has waited for the dead one, the lease of the faster one is new to it."""
    store, clock = Store(tmp_path / "store", create=True), Clock()
    dead, faster = (replace(Owner.this_process(), host=host) for host in ("dead", "faster"))
    store.files.write(layout.LEASE, dead.to_bytes())

    def sleep(seconds):
        clock.now += seconds
        if clock.now > (MISSED_PERIODS + 1) * PERIOD:
            store.files.write(layout.LEASE, faster.to_bytes())

    monkeypatch.setattr(lease_module, "time", SimpleNamespace(monotonic=clock, sleep=sleep))
    with pytest.raises(StoreError, match="in use by another driver: host faster"), Lease(store):
        pytest.fail("it took the lease over")
    assert read_owner(store.files) == faster


def test_the_lease_is_plain_json(files):
    assert json.loads(Owner.this_process().to_bytes())["pid"] == os.getpid()
