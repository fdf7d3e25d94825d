"""Drivers of the shards of a store: which of them run together, and who takes over from whom."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from tests.support.store_parts import files_at
from workers.errors import StoreError
from workers.store import Store, layout
from workers.store.lease import Lease, LeaseWatch, release
from workers.store.lease_owner import Owner, lease_paths, live_owners, read_owner
from workers.store.shard import Shard

PERIOD = 0.05
FIRST, SECOND = Shard(1, 2), Shard(2, 2)


@pytest.fixture(params=["local", "bucket"])
def store(request, tmp_path):
    return Store("store", files=files_at(request.param, tmp_path / "store"), create=True)


def lease(store, shard=None, division="a", period=PERIOD):
    return Lease(store, period, shard=shard, division="" if shard is None else division)


def refused(driver):
    with pytest.raises(StoreError) as refusal, driver:
        pass
    return str(refusal.value)


def wait_for(condition):
    """Wait for what another thread does; pytest's time limit is the only one."""
    while not condition():
        time.sleep(PERIOD / 5)


def test_shards_of_one_division_run_together_and_release_only_their_own_lease(store):
    with lease(store, FIRST) as first:
        with lease(store, SECOND) as second:
            assert list(live_owners(store.files)) == ["leases/0001-of-0002.json", "leases/0002-of-0002.json"]
        assert [owner.token for owner in live_owners(store.files).values()] == [first.token]
        assert first.problem is None
        assert second.problem is None
    assert live_owners(store.files) == {}


def test_a_shard_excludes_the_same_shard_other_divisions_and_the_whole_store(store):
    with lease(store, FIRST):
        assert "is in use by another driver of shard 1/2: host" in refused(lease(store, FIRST))
        assert "is in use by another driver of shard 1/2: host" in refused(lease(store, SECOND, division="b"))
        assert "is in use by another driver of shard 1/2: host" in refused(lease(store))
        assert list(live_owners(store.files)) == ["leases/0001-of-0002.json"]  # a refused driver leaves nothing


def test_the_whole_store_excludes_shards(store):
    with lease(store):
        assert "is in use by another driver: host" in refused(lease(store, FIRST))
        assert list(live_owners(store.files)) == ["lease.json"]


@pytest.mark.parametrize(("dead", "heir"), [(FIRST, None), (None, FIRST), (FIRST, Shard(1, 3)), (FIRST, FIRST)])
def test_a_driver_that_has_ended_is_taken_over_at_once(store, dead, heir, capsys):
    path = layout.lease_path(dead)
    store.files.write(path, replace(Owner.this_process("x"), process_start="1").to_bytes())
    with lease(store, heir) as held:
        assert {owner.token for owner in live_owners(store.files).values()} == {held.token}
        assert held.path == path or read_owner(store.files, path) is None
    assert capsys.readouterr().err == ""


def test_of_drivers_that_exclude_each_other_and_start_together_one_continues(store):
    kinds = [(None, ""), (FIRST, "a"), (FIRST, "b"), (SECOND, "c"), (Shard(1, 3), "d")]
    refused, ready = [], threading.Barrier(len(kinds))

    def drive(shard, division):
        ready.wait()
        try:
            with lease(store, shard, division, period=0.5):
                wait_for(lambda: len(refused) == len(kinds) - 1)
        except StoreError as error:
            refused.append(error)

    threads = [threading.Thread(target=drive, args=kind) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == len(kinds) - 1
    assert live_owners(store.files) == {}


@pytest.mark.parametrize(("token", "continues"), [("zz", True), ("00", False)])  # tokens are hexadecimal
def test_of_two_drivers_that_enter_the_one_with_the_larger_token_makes_way(store, token, continues):
    entering = replace(Owner.this_process(), token=token, entering=True)
    store.files.write(layout.LEASE, entering.to_bytes())
    if not continues:
        assert "in use by another driver: host" in refused(lease(store, FIRST))
        return
    threading.Timer(2 * PERIOD, store.files.delete, [layout.LEASE]).start()
    with lease(store, FIRST) as held:
        [(path, owner)] = live_owners(store.files).items()  # read once: the lease is renewed meanwhile
        assert (path, owner.token, owner.entering) == (held.path, held.token, False)


def test_silent_drivers_elsewhere_are_outlasted_together(store, capsys):
    silent = replace(Owner.this_process("a"), host="elsewhere")
    for number in range(1, 9):
        store.files.write(layout.lease_path(Shard(number, 8)), silent.to_bytes())
    since = time.monotonic()
    with lease(store) as held:
        assert time.monotonic() - since > 4 * PERIOD
        assert read_owner(store.files).counter > 0  # renewed meanwhile, so that nobody takes it over
        assert {owner.token for owner in live_owners(store.files).values()} == {held.token}
    assert capsys.readouterr().err.count("waiting up to") == 1


def test_a_driver_whose_lease_a_rival_has_removed_stops_instead_of_taking_it_again(store):
    with lease(store, FIRST) as slow:
        rival = replace(Owner.this_process(), host="elsewhere")
        store.files.write(layout.LEASE, rival.to_bytes())  # a driver of the whole store takes its lease first
        store.files.delete(slow.path)
        wait_for(lambda: slow.problem is not None)
        assert "in use by another driver: host elsewhere" in slow.problem
        assert read_owner(store.files, slow.path) is None
    assert read_owner(store.files) == rival


def test_a_supervisor_releases_the_lease_of_its_driver_wherever_it_is(store):
    shard, whole = Owner.this_process("a"), Owner.this_process()
    store.files.write(layout.lease_path(SECOND), shard.to_bytes())
    store.files.write(layout.LEASE, whole.to_bytes())
    release(store.files, shard.token)
    assert list(live_owners(store.files)) == ["lease.json"]
    release(store.files, whole.token)
    assert live_owners(store.files) == {}


def test_a_worker_watches_the_lease_of_its_driver(store):
    now = 0.0
    owner = Owner.this_process("a")
    store.files.write(layout.lease_path(SECOND), owner.to_bytes())
    store.files.write(layout.lease_path(FIRST), Owner.this_process("a").to_bytes())
    watch = LeaseWatch(store.files, owner.token, period=15, clock=lambda: now, path=layout.lease_path(SECOND))
    now = 10.0
    assert not watch.orphaned
    store.files.write(layout.lease_path(SECOND), Owner.this_process("a").to_bytes())
    now = 20.0
    assert watch.orphaned


def test_the_worker_of_a_dead_driver_stops_once_a_driver_of_a_shard_has_removed_its_lease(store):
    now = 0.0
    dead = Owner.this_process()
    store.files.write(layout.LEASE, dead.to_bytes())
    watch = LeaseWatch(store.files, dead.token, period=15, clock=lambda: now)
    store.files.delete(layout.LEASE)
    now = 10.0
    assert not watch.orphaned  # somebody deleted the lease, which its driver writes again
    store.files.write(layout.lease_path(FIRST), Owner.this_process("a").to_bytes())
    now = 20.0
    assert watch.orphaned


def test_only_leases_of_shards_are_found_in_their_folder(store):
    store.files.write("leases/notes.json", b"{}")
    store.files.write("leases/1-of-2.json", b"{}")
    assert lease_paths(store.files) == ["lease.json"]
    assert layout.parse_lease_path("leases/0003-of-0016.json") == Shard(3, 16)
    assert layout.parse_lease_path("results/0003-of-0016.json") is None


def test_the_lease_of_a_whole_store_is_as_earlier_versions_read_it(store):
    with lease(store):
        assert b"division" not in store.files.read(layout.LEASE)
