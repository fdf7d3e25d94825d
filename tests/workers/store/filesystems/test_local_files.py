"""Anything that is not a file is never opened, and links are never followed."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from tests.support.closed import close
from tests.support.records import dense_cell, make_store, record_of
from workers.errors import StoreError
from workers.store import Store
from workers.store.filesystems import file_locks, local
from workers.store.filesystems.files import NotAFile
from workers.store.filesystems.local import LocalFiles
from workers.store.layout import checkpoint_path
from workers.trial import Stop


@pytest.fixture
def files(tmp_path):
    return LocalFiles(tmp_path / "store")


def put(files, path, what, elsewhere):
    """Something that is not a file."""
    place = files.root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    match what:
        case "folder":
            place.mkdir()
        case "pipe":
            os.mkfifo(place)
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                os.chdir(place.parent)  # its path may only be short
                server.bind(place.name)
        case "link":
            place.symlink_to(elsewhere / "file")
        case "dangling link":
            place.symlink_to(elsewhere / "nothing")


@pytest.mark.parametrize("what", ["folder", "pipe", "socket", "link", "dangling link"])
def test_what_is_not_a_file_is_neither_read_nor_listed_nor_overwritten(files, elsewhere, monkeypatch, what):
    monkeypatch.chdir(elsewhere)
    put(files, "a/b", what, elsewhere)
    for read in (lambda: files.read("a/b"), lambda: files.tail("a/b", 4)):
        with pytest.raises(NotAFile, match=r"^is a .*, not a file$"):
            read()
    assert not files.exists("a/b")
    assert files.sizes("") == {}
    assert not files.publish("a/b", b"new")
    assert files.kinds("a").keys() == {"b"}
    files.move("a/b", "c/b")
    assert (files.kinds("a"), len(files.kinds("c"))) == ({}, 1)
    assert [path.name for path in elsewhere.iterdir()] == ["file"]
    assert (elsewhere / "file").read_bytes() == b"of somebody else"


def test_a_folder_of_a_trial_or_sweep_that_is_a_link_is_as_if_it_were_not_there(files, elsewhere):
    store = Store("store", files=files, create=True)
    (elsewhere / "00000003.safetensors").write_bytes(b"state")
    (elsewhere / "sweep.json").write_bytes(b"{}")
    for folder in ("checkpoints", "progress", "sweeps"):
        (files.root / folder).mkdir()
        (files.root / folder / "0001").symlink_to(elsewhere)
    assert not store.states.has_checkpoint(Stop("0001", 3))
    assert store.states.checkpoint_sizes() == {}
    assert store.sweeps.folders() == list(store.states.resumable("0001", 9)) == []
    for work in (
        lambda: store.states.read_checkpoint(Stop("0001", 3)),
        lambda: store.states.write_checkpoint(Stop("0001", 4), b"x"),
        lambda: store.files.delete(checkpoint_path(Stop("0001", 3))),
    ):
        with pytest.raises(NotADirectoryError, match="is a link"):
            work()
    assert len(list(elsewhere.iterdir())) == 3


@pytest.mark.parametrize(
    ("what", "remedy"), [("link", "mount the other disk"), ("dangling link", "mount"), ("file", "move it away")]
)
def test_a_store_whose_folder_is_a_link_is_refused(files, elsewhere, what, remedy):
    Store("store", files=files, create=True)
    if what == "file":
        files.write("results", b"")
    else:
        put(files, "results", what, elsewhere)
    for options in ({}, {"create": True}, {"unmarked": True}):
        with pytest.raises(StoreError, match=rf"`results` is a (link|file), not a folder(.|\n)*{remedy}"):
            Store("store", files=files, **options)


def test_the_store_itself_may_be_a_link(files, tmp_path):
    Store("store", files=files, create=True).states.write_checkpoint(Stop("a", 1), b"x")
    (tmp_path / "link").symlink_to(files.root)
    assert Store(tmp_path / "link").states.checkpoint_sizes() == {Stop("a", 1): 1}


UNSUPPORTED = (
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.ENOTSUP,
    errno.EPERM,
    errno.EINVAL,
    errno.EXDEV,
    errno.EMLINK,
)


def failing(number):
    def fail(*_words, **_named):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", UNSUPPORTED)
@pytest.mark.parametrize("call", ["link", "fsync"])
def test_a_file_system_without_links_or_syncs_is_good_enough(files, monkeypatch, call, number):
    monkeypatch.setattr(os, call, failing(number))
    assert files.publish("a/b", b"first")
    assert not files.publish("a/b", b"second")
    files.write("a/c", b"third")
    assert (files.read("a/b"), files.read("a/c")) == (b"first", b"third")
    assert files.temporaries() == {}


def test_without_links_exactly_one_of_several_writers_publishes(files, monkeypatch):
    monkeypatch.setattr(os, "link", failing(errno.EPERM))
    with ThreadPoolExecutor(4) as pool:
        for turn in range(20):
            published = list(pool.map(lambda number, turn=turn: files.publish(f"a/{turn}", b"%d" % number), range(4)))
            assert sum(published) == 1
            assert files.read(f"a/{turn}") == b"%d" % published.index(True)
    assert files.temporaries() == {}


def test_what_a_power_loss_leaves_of_a_new_store_becomes_a_store_again(files):
    cache = files.root / "cache"
    cache.mkdir(parents=True)  # its name was kept, that of `store.json` was not
    Store("store", files=files, create=True)
    (files.root / "store.json").unlink()
    (cache / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="not empty: it has `cache`"):
        Store("store", files=files, create=True)


def test_a_process_that_keeps_a_lock_is_not_waited_for_without_an_end(files, monkeypatch):
    files.write("lease", b"x")
    pauses: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(pauses), sleep=pauses.append)
    monkeypatch.setattr(file_locks, "time", clock)
    with (
        file_locks.locked(files.root / "lease", os.O_RDWR),
        pytest.raises(TimeoutError, match="another process keeps it locked"),
    ):
        files.replace("lease", b"y", b"x")
    assert (pauses[:3], max(pauses)) == ([0.002, 0.004, 0.008], 0.05)
    assert sum(pauses) == pytest.approx(file_locks.LOCK_SECONDS, abs=0.1)
    assert files.replace("lease", b"y", b"x")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_replaces_what_is_unchanged(files, monkeypatch, number):
    monkeypatch.setattr(fcntl, "flock", failing(number))
    files.write("lease", b"x")
    assert files.replace("lease", b"y", b"x")
    assert not files.replace("lease", b"z", b"x")


def test_the_names_of_new_folders_are_synced_before_a_file_is_in_them(files, monkeypatch):
    synced = []
    monkeypatch.setattr(local, "_sync_folder", lambda folder: synced.append(folder.relative_to(files.root.parent)))
    names = [Path(), Path("store"), Path("store/checkpoints"), Path("store/checkpoints/a")]
    files.write("checkpoints/a/1", b"")
    assert synced == names
    files.publish("checkpoints/a/2", b"")
    assert synced == [*names, names[-1]]
    LocalFiles(files.root).write("checkpoints/a/3", b"")  # it may be that whoever created the folders has died
    assert synced[5:] == names


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.ESTALE])
@pytest.mark.parametrize("call", ["link", "fsync"])
def test_any_other_error_of_links_and_syncs_is_raised(files, monkeypatch, call, number):
    monkeypatch.setattr(os, call, failing(number))
    with pytest.raises(OSError, match=os.strerror(number)):
        files.publish("a/b", b"first")
    assert (files.names("a"), files.temporaries()) == ([], {})


def test_free_space_may_be_unknown(files, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", failing(errno.ENOSYS))
    assert files.free_bytes() is None


@pytest.mark.parametrize("number", [errno.EACCES, errno.ESTALE, errno.EIO])
def test_a_folder_that_cannot_be_listed_does_not_pass_for_an_empty_one(files, monkeypatch, number):
    store = Store(files.root, create=True)
    for name in ("a", "b"):
        store.sweeps.add(name, {"spec": {"name": name}}, pa.table({}))
    close(monkeypatch, files.root / "sweeps/0001-a", number)
    with pytest.raises(OSError) as raised:
        store.sweeps.folders()
    assert raised.value.errno == number
    assert "sweeps/0002-b/sweep.json" in files.sizes("")  # a foreign folder may be closed to this user


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOTDIR])
def test_a_folder_that_is_deleted_while_it_is_listed_is_left_out(files, monkeypatch, number):
    files.write("checkpoints/a/1.safetensors", b"")
    files.write("checkpoints/b/1.safetensors", b"")
    close(monkeypatch, files.root / "checkpoints/a", number)
    assert list(files.sizes("checkpoints")) == ["checkpoints/b/1.safetensors"]


def test_records_are_read_where_another_users_cache_is_closed(tmp_path, monkeypatch):
    dense = dense_cell()
    store = make_store(tmp_path / "store", [dense], [record_of(dense)])
    store.records.consolidate()
    close(monkeypatch, tmp_path / "store/cache", errno.EACCES)
    assert store.records.read_all().table.num_rows == 1
