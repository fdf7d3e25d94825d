"""Sweeps on simulated machines keep every promise, and those of broken stores do not: see `benchmarks/simulate.py`."""

from __future__ import annotations

import contextlib

import pytest

from tests.support.simulation import expected, simulate
from workers.store.filesystems import local
from workers.store.filesystems.bucket import BucketFiles
from workers.store.filesystems.local import LocalFiles
from workers.store.lease import Lease, LeaseWatch
from workers.store.lease_owner import Owner

SEEDS = range(160)
KINDS = 8  # of seeds: see `simulate`


def test_nothing_breaks_a_promise():
    outcomes = [simulate(seed) for seed in SEEDS]
    assert {outcome.seed: outcome.problem for outcome in outcomes if outcome.problem is not None} == {}
    assert len(set().union(*(outcome.faults for outcome in outcomes))) == 8
    assert len(set().union(*(outcome.checks for outcome in outcomes))) == 12


def test_a_seed_does_the_same_again():
    assert simulate(SEEDS[-1]) == simulate(SEEDS[-1])
    assert simulate(0).calls != simulate(1).calls


def overwrite(self, path, data, version=None):
    self.write(path, data)
    return True


@contextlib.contextmanager
def unchecked(self, path, version):
    yield True


def do_nothing(*_):
    """Stands in for a sync."""


BUGS = {  # the first seed that finds it, and others of its kind that may
    "publishing overwrites": (1, LocalFiles, "publish", overwrite, "the lease changes only as it was read"),
    "the lease is not checked": (1811, LocalFiles, "_unchanged", unchecked, "the lease changes only as it was read"),
    "an owner seems gone": (3, Owner, "is_gone", True, "nobody takes the lease of a driver that renews it"),
    "leases exclude nobody": (15, Lease, "_excludes", lambda *_: False, "only one driver and its workers write"),
    "puts have no condition": (205, BucketFiles, "replace", overwrite, "the lease changes only as it was read"),
    "puts overwrite": (4, BucketFiles, "publish", overwrite, "the lease changes only as it was read"),
    "workers do not watch the lease": (132, LeaseWatch, "orphaned", False, "only one driver and its workers write"),
    "half-written files are visible": (0, local, "temporary_name", lambda: "half", "a file is visible only whole"),
    "files are not synced": (74, local, "_sync", do_nothing, "a file is whole after a power loss"),
    "folders are not synced": (7, local, "_sync_folder", do_nothing, "what was written is there after a power loss"),
    "new folders are not synced": (
        7,
        LocalFiles,
        "_keep",
        do_nothing,
        "what was written is there after a power loss",
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_is_found(monkeypatch, bug):
    first, owner, name, broken, promise = BUGS[bug]
    for with_shards in (False, True):
        expected(with_shards)  # before the bug is there
    monkeypatch.setattr(owner, name, broken)
    problems = (simulate(seed).problem for seed in range(first, first + 100 * KINDS, KINDS))
    assert any(problem is not None and promise in problem for problem in problems)
