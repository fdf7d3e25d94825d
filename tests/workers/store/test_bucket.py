"""A bucket that does not answer, and files that need more than one request."""

from __future__ import annotations

import threading

import pyarrow.fs as fs
import pytest

from workers.errors import InputError, StoreError
from workers.store import Store, bucket
from workers.store.bucket import ArrowFiles
from workers.store.opening import open_files
from workers.waiting import NoAnswer


class Silent:
    """A file system whose requests end only at the end of the test."""

    type_name = "gcs"

    def __init__(self):
        self.end = threading.Event()

    def __getattr__(self, request):
        return lambda *_words, **_named: self.end.wait()


@pytest.fixture
def silent():
    filesystem = Silent()
    yield ArrowFiles(filesystem, "bucket/prefix", seconds=0.05)
    filesystem.end.set()


@pytest.mark.parametrize(
    "request_",
    [
        lambda files: files.read("a"),
        lambda files: files.tail("a", 3),
        lambda files: files.write("a", b"x"),
        lambda files: files.publish("a", b"x"),
        lambda files: files.exists("a"),
        lambda files: files.names(""),
        lambda files: files.kinds(""),
        lambda files: files.sizes(""),
        lambda files: files.delete("a"),
        lambda files: files.move("a", "b"),
    ],
    ids=["read", "tail", "write", "publish", "exists", "names", "kinds", "sizes", "delete", "move"],
)
def test_no_request_waits_for_longer_than_its_deadline(silent, request_):
    with pytest.raises(NoAnswer, match=r"no answer within 0\.05 s"):
        request_(silent)


@pytest.mark.parametrize(
    ("location", "credentials"),
    [("gs://bucket/prefix", "GOOGLE_APPLICATION_CREDENTIALS"), ("s3://bucket/prefix", "AWS_ACCESS_KEY_ID")],
)
def test_a_store_in_it_cannot_be_opened_and_the_error_says_what_to_check(silent, location, credentials):
    with pytest.raises(StoreError) as caught:
        Store(location, files=silent)
    assert caught.value.message == f"store `{location}`: cannot read it: no answer within 0.05 s"
    assert caught.value.hint.startswith("check the name of the bucket, the credentials")
    assert credentials in caught.value.hint


def test_opening_a_location_has_a_deadline_too(monkeypatch):
    end = threading.Event()
    monkeypatch.setattr(fs, "FileSystem", type("FileSystem", (), {"from_uri": lambda _: end.wait()}))
    with pytest.raises(StoreError, match=r"store `s3://bucket/p`: cannot open it: no answer within 0\.05 s"):
        open_files("s3://bucket/p", seconds=0.05)
    end.set()


def test_a_location_that_pyarrow_does_not_know_is_wrong_input():
    with pytest.raises(InputError, match=r"pyarrow\.fs cannot open it"):
        open_files("ftp://host/p")


@pytest.mark.parametrize("size", [0, 1, 3, 4, 10])
def test_large_files_are_read_and_written_in_parts(tmp_path, monkeypatch, size):
    monkeypatch.setattr(bucket, "_PART", 3)
    files = ArrowFiles(fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem()), "store")
    data = bytes(range(size))
    files.write("a/b", data)
    assert files.read("a/b") == data
    assert files.tail("a/b", 4) == data[-4:]
