"""Copies of a bucket's checkpoints on a machine: fetched once, checked on every read, and bounded."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from workers.store.local_copies import UNUSED_SECONDS, LocalCopies


class Bucket:
    """Says how often its only file was fetched."""

    def __init__(self, data=b"state" * 100):
        self.data = data
        self.fetched = 0

    def __call__(self):
        self.fetched += 1
        return self.data


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "machine" / "checkpoints"


def copies_in(folder):
    return sorted(folder.glob("*.copy"))


def test_a_checkpoint_is_fetched_once_for_all_workers_of_a_machine(folder):
    begun, bucket = threading.Barrier(8), Bucket()

    def worker(number):
        begun.wait()
        return LocalCopies("s3://b", "run", folder).get("checkpoints/a/1", bucket)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(worker, range(8))) == {bucket.data}
    assert bucket.fetched == 1


def test_every_run_store_and_checkpoint_has_its_own_copy(folder):
    for location, run, path in (("s3://b", "1", "a"), ("s3://b", "2", "a"), ("s3://c", "1", "a"), ("s3://b", "1", "c")):
        bucket = Bucket(f"{location} {run} {path}".encode())
        for _ in range(2):
            assert LocalCopies(location, run, folder).get(path, bucket) == bucket.data
        assert bucket.fetched == 1


def test_a_damaged_copy_is_fetched_again(folder):
    bucket, copies = Bucket(), LocalCopies("s3://b", "run", folder)
    copies.get("a", bucket)
    [copy] = copies_in(folder)
    for damaged in (b"", copy.read_bytes()[:-1], copy.read_bytes()[:-1] + b"?"):
        copy.write_bytes(damaged)
        assert copies.get("a", bucket) == bucket.data
    assert bucket.fetched == 4
    assert copies.get("a", bucket) == bucket.data
    assert bucket.fetched == 4


def test_the_least_recently_read_copies_are_deleted(folder):
    copies = LocalCopies("s3://b", "run", folder, most_bytes=2500)
    buckets = {name: Bucket(name.encode() * 1000) for name in "abc"}
    for age, name in ((30, "a"), (20, "b")):
        copies.get(name, buckets[name])
        newest = max(copies_in(folder), key=os.path.getmtime)
        os.utime(newest, (time.time() - age,) * 2)
    copies.get("a", buckets["a"])  # is now read more recently than b
    copies.get("c", buckets["c"])
    assert sum(copy.stat().st_size for copy in copies_in(folder)) <= 2500
    for name in "ac":
        copies.get(name, buckets[name])
    assert [bucket.fetched for bucket in buckets.values()] == [1, 1, 1]
    copies.get("b", buckets["b"])
    assert buckets["b"].fetched == 2
    huge = Bucket(b"x" * 5000)
    assert copies.get("d", huge) == huge.data  # has no room
    assert all(copy.stat().st_size < 2500 for copy in copies_in(folder))


def test_copies_that_nobody_reads_do_not_stay(folder):
    copies = LocalCopies("s3://b", "before", folder)
    copies.get("a", Bucket())
    for path in folder.iterdir():
        os.utime(path, (time.time() - UNUSED_SECONDS - 1,) * 2)
    LocalCopies("s3://b", "now", folder).get("a", Bucket())
    assert len(copies_in(folder)) == 1


def test_a_machine_that_cannot_keep_copies_reads_the_bucket(folder, monkeypatch):
    bucket, copies = Bucket(), LocalCopies("s3://b", "run", folder)
    folder.parent.mkdir()
    folder.symlink_to(folder.parent)  # into a folder that may be somebody else's
    assert [copies.get("a", bucket) for _ in range(2)] == [bucket.data] * 2
    assert bucket.fetched == 2
    assert list(folder.parent.iterdir()) == [folder]


def test_what_cannot_be_fetched_is_an_error(folder):
    def missing():
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        LocalCopies("s3://b", "run", folder).get("a", missing)
    assert copies_in(folder) == []
