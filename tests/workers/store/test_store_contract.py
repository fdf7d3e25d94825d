"""What a store promises, on every kind of filesystem."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.faulty_files import ReadOnlyFiles
from tests.support.store_parts import CELLS, DETAIL, accuracies, files_at, record
from workers.errors import CorruptFile, StoreError
from workers.store import Store
from workers.store.failures import Failure
from workers.store.filesystems.files import walk
from workers.store.filesystems.local import LocalFiles
from workers.store.layout import RecordKey, checkpoint_path
from workers.store.record import SCHEMA, SCHEMA_VERSION
from workers.trial import Stop


@pytest.mark.parametrize("kind", ["local", "memory", "s3"])
class TestContract:
    @pytest.fixture
    def files(self, kind, tmp_path, request):
        return request.getfixturevalue("s3_files") if kind == "s3" else files_at(kind, tmp_path / "place")

    @pytest.fixture
    def store(self, files):
        return Store("a store", files=files, create=True)

    def test_it_opens_again_and_only_where_one_is(self, files):
        with pytest.raises(StoreError, match="is not a prunesweep store"):
            Store("x", files=files)
        Store("x", files=files, create=True).records.publish(record(), DETAIL)
        assert accuracies(Store("x", files=files)) == {("a", 3, "e"): 0.5}

    def test_a_folder_with_other_things_is_refused(self, files):
        files.write("notes.txt", b"mine")
        with pytest.raises(StoreError, match=r"not empty: it has `notes.txt`"):
            Store("x", files=files, create=True)

    @pytest.mark.parametrize("marker", [b"", b"[]", b"{}", b'{"format": true}', b'{"format": 0}', b"\xff", b"[" * 9999])
    def test_a_damaged_marker_is_refused(self, files, marker):
        files.write("store.json", marker)
        with pytest.raises(StoreError, match=r"store\.json"):
            Store("x", files=files, create=True)

    def test_a_newer_store_is_refused_and_left_untouched(self, store, files):
        files.write("store.json", json.dumps({"format": 2}).encode())
        before = files.sizes("")
        with pytest.raises(StoreError, match=r"format 2(.|\n)*newer prunesweep"):
            Store("x", files=files, create=True)
        assert files.sizes("") == before

    def test_a_record_is_published_once_and_never_changed(self, store, files):
        assert store.records.publish(record(), DETAIL) == "published"
        before = files.read("results/a-00000003-e.parquet")
        assert store.records.publish(record(host="another"), DETAIL) == "duplicate"
        assert store.records.conflicts() == []
        assert store.records.publish(record(accuracy=0.6), DETAIL) == "conflict"
        assert len(store.records.conflicts()) == 1
        assert files.read("results/a-00000003-e.parquet") == before
        assert accuracies(store) == {("a", 3, "e"): 0.5}
        assert store.records.detail(RecordKey("a", 3, "e")) == DETAIL

    def test_not_a_number_equals_itself(self, store):
        store.records.publish(record(train_loss=float("nan")), DETAIL)
        assert store.records.publish(record(train_loss=float("nan")), DETAIL) == "duplicate"

    def test_what_is_published_reads_back_whole(self, store):
        given = record()
        store.records.publish(given, DETAIL)
        for _ in range(2):
            assert store.records.read_all().table.to_pylist() == [given | {"schema_version": SCHEMA_VERSION}]
            assert store.records.read_all().table.schema.equals(SCHEMA)
            store.records.consolidate()

    def test_consolidating_changes_nothing_that_is_read(self, store, files):
        for step in range(40):
            store.records.publish(record(step=step), DETAIL)
        before = store.records.read_all().table
        store.records.consolidate()
        store.records.publish(record(step=50), DETAIL)
        assert store.records.read_all().table.slice(0, 40).equals(before)
        files.write("cache/records.parquet", b"PAR1 damaged")
        assert store.records.read_all().table.num_rows == 41

    def test_a_record_that_is_gone_is_gone_from_the_cache(self, store, files):
        store.records.publish(record(), DETAIL)
        store.records.consolidate()
        files.delete("results/a-00000003-e.parquet")
        assert accuracies(store) == {}

    @pytest.mark.parametrize("data", [b"", b"PAR1", b"\x00" * 64, b"sha256:" + b"0" * 64])
    def test_foreign_records_are_named_and_the_others_read(self, store, files, data):
        store.records.publish(record(), DETAIL)
        files.write("results/b-00000001-e.parquet", data)
        files.write("results/readme.txt", data)
        found = store.records.read_all()
        assert found.table.num_rows == 1
        assert list(found.unreadable) == ["results/b-00000001-e.parquet"]

    def test_a_record_under_another_name_is_named(self, store, files):
        store.records.publish(record(), DETAIL)
        files.write("results/b-00000003-e.parquet", files.read("results/a-00000003-e.parquet"))
        assert "give different stops" in store.records.read_all().unreadable["results/b-00000003-e.parquet"]

    def test_checkpoints(self, store):
        assert not store.states.has_checkpoint(Stop("a", 3))
        with pytest.raises(FileNotFoundError):
            store.states.read_checkpoint(Stop("a", 3))
        store.states.write_checkpoint(Stop("a", 3), b"one")
        store.states.write_checkpoint(Stop("a", 3), b"other")
        assert store.states.read_checkpoint(Stop("a", 3)) == b"other"
        assert store.states.checkpoint_sizes() == {Stop("a", 3): 5}
        store.files.delete(checkpoint_path(Stop("a", 3)))
        store.files.delete(checkpoint_path(Stop("a", 3)))
        assert store.states.checkpoint_sizes() == {}

    def test_files_that_are_not_states_are_passed_over(self, store, files):
        for path in ("checkpoints/x", "checkpoints/a/1.safetensors", "checkpoints/a/b/00000001.safetensors"):
            files.write(path, b"x")
        files.write("progress/a/²²²²²²²².safetensors", b"x")
        assert store.states.checkpoint_sizes() == store.states.partial_sizes() == {}
        assert list(store.states.resumable("a", 10)) == []

    def test_the_newest_two_partial_states_are_kept(self, store):
        for step in (2, 4, 6, 8):
            store.states.write_partial(Stop("a", step), b"x")
        assert [stop.step for stop, _ in store.states.resumable("a", 100)] == [8, 6]
        assert [stop.step for stop, _ in store.states.resumable("a", 7)] == [6]
        store.states.delete_partial("a")
        assert store.states.partial_sizes() == {}

    def test_states_later_than_one_written_do_not_push_it_out(self, store):
        """Two damaged states were skipped: those made in their place must not be deleted in favor of them."""
        store.states.write_partial(Stop("a", 20), b"damaged")
        store.states.write_partial(Stop("a", 22), b"damaged")
        for step in (2, 4, 6):
            store.states.write_partial(Stop("a", step), b"good")
        assert [stop.step for stop, _ in store.states.resumable("a", 100)] == [22, 20, 6, 4]

    def test_a_partial_state_precedes_a_checkpoint_of_the_same_step(self, store):
        store.states.write_partial(Stop("a", 4), b"progress")
        store.states.write_checkpoint(Stop("a", 4), b"checkpoint")
        assert [data for _, data in store.states.resumable("a", 9)] == [b"progress", b"checkpoint"]

    def test_failures(self, store, files):
        assert (store.failures.read("a"), store.failures.read_all()) == (None, {})
        store.failures.write("a", Failure(outcome="bug", reason="why"))
        assert store.failures.read_all() == {"a": Failure(outcome="bug", reason="why")}
        files.write("failures/a.json", b"[1]")
        assert store.failures.read("a").outcome == "io"
        store.failures.delete("a")
        assert store.failures.read_all() == {}

    def test_sweeps_are_numbered_and_the_newest_is_not_repeated(self, store, files):
        assert store.sweeps.add("s", {"n": 1}, CELLS) == store.sweeps.add("s", {"n": 1}, CELLS) == "0001-s"
        assert store.sweeps.add("s", {"n": 2}, CELLS) == "0002-s"
        assert store.sweeps.add("s", {"n": 1}, CELLS) == "0003-s"
        files.write("sweeps/0007-half/cells.parquet", b"")  # its writer died before sweep.json
        assert store.sweeps.folders() == ["0001-s", "0002-s", "0003-s"]
        assert store.sweeps.add("t", {}, CELLS) == "0008-t"
        assert store.sweeps.read_cells("0008-t").to_pylist() == CELLS.to_pylist()
        assert store.sweeps.read("0001-s") == {"n": 1}
        assert store.sweeps.add("t", {"n": 4}, CELLS.slice(0, 0), grown_from="0008-t") == "0008-t"
        assert (store.sweeps.read("0008-t"), store.sweeps.read_cells("0008-t").num_rows) == ({"n": 4}, 0)

    def test_a_sweep_that_another_driver_is_writing_is_not_added_twice(self, store, files):
        files.write("sweeps/0001-s/cells.parquet", b"")
        assert store.sweeps.add("s", {"n": 1}, CELLS) == "0001-s"
        assert store.sweeps.read_cells("0001-s").to_pylist() == CELLS.to_pylist()

    def test_the_ten_thousandth_sweep_is_newer_than_the_one_before(self, store, files):
        store.sweeps.add("s", {"n": 1}, CELLS)
        for name in ("sweep.json", "cells.parquet"):
            files.move(f"sweeps/0001-s/{name}", f"sweeps/9999-s/{name}")
        assert store.sweeps.add("s", {"n": 2}, CELLS) == "10000-s"
        assert store.sweeps.folders() == ["9999-s", "10000-s"]

    def test_a_damaged_sweep_is_not_written_over(self, store, files):
        store.sweeps.add("s", {}, CELLS)
        files.write("sweeps/0001-s/cells.parquet", b"damaged")
        assert store.sweeps.add("s", {}, CELLS) == "0002-s"
        assert files.read("sweeps/0001-s/cells.parquet") == b"damaged"
        with pytest.raises(CorruptFile):
            store.sweeps.read_cells("0001-s")

    def test_facts(self, store, files):
        assert store.sweeps.facts("k") is None
        store.sweeps.pin_facts("k", {"layers": [["w", 3]], "fingerprint": "x"})
        assert store.sweeps.facts("k") == {"layers": [["w", 3]], "fingerprint": "x"}
        files.write("facts/k.json", files.read("facts/k.json").replace(b"3", b"4"))
        with pytest.raises(CorruptFile, match="checksum"):
            store.sweeps.facts("k")

    def test_files_can_be_moved(self, files):
        files.write("a/b", b"x")
        files.move("a/b", "quarantine/a/b")
        assert files.sizes("") == {"quarantine/a/b": 1}

    def test_what_is_moved_takes_no_other_place(self, files):
        files.write("mine/a/b", b"x")
        files.write("mine/c", b"yy")
        files.write("place", b"taken")
        for target, error in (("place", FileExistsError), ("place/in/it", NotADirectoryError)):
            with pytest.raises((error, FileExistsError, NotADirectoryError)):
                files.move("mine/c", target)
        assert files.read("place") == b"taken"
        files.move("mine", "quarantine/mine")
        assert files.sizes("") == {"place": 5, "quarantine/mine/a/b": 1, "quarantine/mine/c": 2}

    def test_what_changed_since_it_was_read_is_neither_replaced_nor_removed(self, files):
        assert files.publish("a/b", b"first")
        data, version = files.read_version("a/b")
        assert data == b"first"
        assert files.replace("a/b", b"second", version)
        assert not files.replace("a/b", b"third", version)
        assert not files.remove("a/b", version)
        assert files.read("a/b") == b"second"
        assert files.remove("a/b", files.read_version("a/b")[1])
        assert not files.exists("a/b") or files.read("a/b") == b""
        files.delete("a/b")
        assert not files.replace("a/b", b"third", version)
        assert not files.remove("a/b", version)
        assert files.sizes("") == {}

    def test_of_writers_at_once_exactly_one_succeeds(self, files):
        files.write("lease", b"old")
        version = files.read_version("lease")[1]
        with ThreadPoolExecutor(8) as pool:
            published = list(pool.map(lambda number: files.publish("record", b"%d" % number), range(8)))
            replaced = list(pool.map(lambda number: files.replace("lease", b"%d" % number, version), range(8)))
        assert (sum(published), sum(replaced)) == (1, 1)
        assert files.read("record") == b"%d" % published.index(True)
        assert files.read("lease") == b"%d" % replaced.index(True)

    @pytest.mark.parametrize("size", [0, 3, 20_000_000])
    def test_files_of_any_size_are_read_as_they_were_written(self, files, size):
        data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
        files.write("a", data)
        assert files.read("a") == data
        assert files.tail("a", 4) == data[-4:]

    def test_everything_is_listed_with_what_it_is(self, files):
        for path in ("a/b", "a/.hidden", "c/d", ".nfs0001", "lost+found/x"):
            files.write(path, b"x")
        assert files.kinds("") == {"a": "folder", "c": "folder"}
        assert files.kinds("a") == {".hidden": "file", "b": "file"}
        assert files.kinds("nowhere") == {}
        assert list(walk(files, enter=lambda path: path == "a")) == [
            ("a", "folder"),
            ("a/.hidden", "file"),
            ("a/b", "file"),
            ("c", "folder"),
        ]

    def test_a_folder_is_not_a_record(self, store, files):
        store.records.publish(record(), DETAIL)
        files.write("results/b-00000003-e.parquet/x", b"")
        assert not store.records.has(RecordKey("b", 3, "e"))
        assert store.records.all_keys() == {("a", 3, "e")} == store.records.sound()[0]
        assert list(store.records.read_all().unreadable) == ["results/b-00000003-e.parquet"]
        if isinstance(files, LocalFiles):  # a bucket has no folders, only files with longer names
            with pytest.raises(CorruptFile):
                store.records.publish(record("b"), DETAIL)

    def test_a_store_without_its_marker_is_known_by_what_can_be_read(self, store, files):
        files.write("results/b-00000003-e.parquet", b"damaged")
        files.delete("store.json")
        with pytest.raises(StoreError, match="is not a prunesweep store"):
            Store("x", files=files, unmarked=True)
        store.records.publish(record(), DETAIL)
        for options in ({}, {"create": True}):
            with pytest.raises(StoreError, match=r"`store\.json` is missing(.|\n)*verify --repair"):
                Store("x", files=files, **options)
        assert Store("x", files=files, unmarked=True).marker_problem == "is missing"
        files.write("store.json", b'{"format": 2, "ha')
        with pytest.raises(StoreError, match=r"format 2(.|\n)*newer prunesweep"):
            Store("x", files=files, unmarked=True)

    def test_a_read_only_store_is_read_and_refuses_the_rest(self, store, files):
        store.records.publish(record(), DETAIL)
        read_only = Store("a store", files=ReadOnlyFiles(files))
        assert accuracies(read_only) == {("a", 3, "e"): 0.5}
        with pytest.raises(StoreError, match="cannot write"):
            read_only.check_writable()
        with pytest.raises(OSError, match="Read-only"):
            read_only.records.publish(record(step=4), DETAIL)
