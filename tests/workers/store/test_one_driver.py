"""One driver per store: refusing, replacing and losing the lease."""

import itertools
import threading
import time
from dataclasses import replace

import pytest

from workers.errors import StoreError
from workers.store import Store, layout
from workers.store.lease import Lease
from workers.store.lease_owner import Owner, read_owner

PERIOD = 0.05


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", create=True)


def write(store, owner):
    store.files.write(layout.LEASE, owner.to_bytes())


def wait_for(condition):
    """Wait for what another thread does; pytest's time limit is the only one."""
    while not condition():
        time.sleep(PERIOD / 5)


def test_a_lease_is_renewed_and_given_back(store):
    with Lease(store, PERIOD):
        first = read_owner(store.files)
        wait_for(lambda: read_owner(store.files).counter > first.counter)
        assert read_owner(store.files).token == first.token
    assert read_owner(store.files) is None


def test_a_second_driver_is_refused_with_who_has_it_and_what_to_do(store):
    with Lease(store, PERIOD):
        owner = read_owner(store.files)
        with pytest.raises(StoreError) as refusal, Lease(store, PERIOD):
            pass
    for part in (owner.host, f"process {owner.pid}", f"kill {owner.pid}", "s ago", "another store"):
        assert part in str(refusal.value)


def test_an_owner_that_is_gone_is_replaced_at_once(store, capsys):
    write(store, replace(Owner.this_process(), process_start="1"))
    with Lease(store, PERIOD) as held:
        assert read_owner(store.files).token == held.token
    assert capsys.readouterr().err == ""  # it says so when it waits


@pytest.mark.parametrize("begun", ["1999-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00", "?"])
def test_a_silent_owner_elsewhere_is_replaced_after_the_lease_time_whatever_its_clock(store, begun, capsys):
    write(store, replace(Owner.this_process(), host="elsewhere", begun=begun))
    since = time.monotonic()
    with Lease(store, PERIOD):
        assert time.monotonic() - since > 4 * PERIOD
    assert "waiting up to" in capsys.readouterr().err


def test_a_damaged_lease_that_nobody_renews_is_replaced_too(store, capsys):
    store.files.write(layout.LEASE, b"{")
    with Lease(store, PERIOD) as held:
        assert read_owner(store.files).token == held.token
    assert "has a damaged `lease.json`, which does not say who drives it; waiting up to" in capsys.readouterr().err


def test_an_owner_elsewhere_that_is_alive_is_refused_once_it_is_seen_to_move(store):
    owner = replace(Owner.this_process(), host="elsewhere")
    write(store, owner)
    refused = threading.Event()

    def renew():
        for counter in itertools.count(1):
            if refused.wait(PERIOD):
                break
            write(store, replace(owner, counter=counter))

    thread = threading.Thread(target=renew)
    thread.start()
    try:
        with pytest.raises(StoreError, match="host elsewhere"), Lease(store, period=100 * PERIOD):
            pass
    finally:
        refused.set()
        thread.join()


def test_of_two_that_take_over_at_once_one_continues(store):
    write(store, replace(Owner.this_process(), process_start="1"))
    refused = []
    ready = threading.Barrier(4)

    def drive():
        ready.wait()
        try:
            with Lease(store, period=30):  # a second for the others to take over, too
                wait_for(lambda: len(refused) == 3)
        except StoreError as error:
            refused.append(error)

    threads = [threading.Thread(target=drive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3


def test_a_driver_notices_that_its_lease_was_taken_and_leaves_it_alone(store):
    with Lease(store, PERIOD) as held:
        other = replace(Owner.this_process(), host="elsewhere")
        write(store, other)
        wait_for(lambda: held.problem is not None)
        assert "host elsewhere" in held.problem
    assert read_owner(store.files) == other


def test_a_lease_that_was_deleted_is_written_again(store):
    with Lease(store, PERIOD) as held:
        store.files.delete(layout.LEASE)
        wait_for(lambda: read_owner(store.files) is not None)
        assert read_owner(store.files).token == held.token
        assert held.problem is None
