"""Files in a store that do not belong to it, that replace its own, or that are damaged at its root."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest

from orchestrator.upkeep.gc import collect
from orchestrator.upkeep.verify import verify
from tests.support.places import GOLDEN
from workers.errors import StoreError
from workers.store import Store
from workers.store.lease import Lease
from workers.store.lease_owner import Owner

TRIAL = "0" * 20
RECORD = f"results/{TRIAL}-00000003-aaaaaaaa.parquet"


@pytest.fixture
def store(tmp_path):
    return Store(shutil.copytree(GOLDEN, tmp_path / "store"))


def put(store, path, what, elsewhere):
    place = store.files.root / path
    if place.is_file():
        place.unlink()
    place.parent.mkdir(parents=True, exist_ok=True)
    match what:
        case "file":
            place.write_bytes(b"mine")
        case "damaged":
            place.write_bytes(b"{")
        case "folder":
            place.mkdir()
        case "full folder":
            place.mkdir()
            (place / "file").write_bytes(b"mine")
        case "pipe":
            os.mkfifo(place)
        case "link":
            place.symlink_to(elsewhere / "file")
        case "link to a folder":
            place.symlink_to(elsewhere)


def kinds(store, **options):
    return {problem.path: problem.kind for problem in verify(store, **options).problems}


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("store.json.bak", "file"),
        ("lease.jsonx", "file"),
        (".DS_Store", "file"),
        ("results/.DS_Store", "file"),
        ("cache/notes", "file"),
        ("logs/notes", "file"),
        (f"logs/{TRIAL}/notes", "file"),
        (f"logs/{TRIAL}/0001.log/x", "file"),
        (".git", "full folder"),
        ("mine", "full folder"),
        ("mine", "folder"),
        (RECORD, "folder"),
        (RECORD, "full folder"),
        (RECORD, "link"),
        (RECORD, "pipe"),
        (f"checkpoints/{TRIAL}", "link to a folder"),
        (f"checkpoints/{TRIAL}/deeper", "full folder"),
        ("sweeps/0007-other", "link to a folder"),
        ("details/.x.tmp", "link"),
        ("facts/pipe.json", "pipe"),
        ("mine", "link to a folder"),
        ("\x1b[31m\udcff", "file"),
    ],
)
def test_what_is_not_the_stores_is_named_and_moved_as_it_is(store, elsewhere, main, path, what):
    put(store, path, what, elsewhere)
    named = path.removesuffix("/x")
    code, stdout, stderr = main("verify", store.location)
    assert (code, stderr) == (3, "")
    assert "foreign" in stdout
    assert "\x1b" not in stdout
    assert kinds(store) == {named: "foreign"}
    assert kinds(store, repair=True) == {named: "foreign"}
    assert kinds(store) == {}
    assert os.path.lexists(store.files.root / "quarantine" / path)
    assert (elsewhere / "file").read_bytes() == b"of somebody else"
    assert [entry.name for entry in elsewhere.iterdir()] == ["file"]


@pytest.mark.parametrize("what", ["folder", "link", "pipe"])
def test_anything_else_in_the_place_of_a_record_is_not_a_record(store, elsewhere, main, what):
    path = min(store.files.sizes("results"))
    before = len(store.records.all_keys())
    put(store, path, what, elsewhere)
    assert (
        len(store.records.all_keys())
        == len(store.records.sound()[0])
        == store.records.read_all().table.num_rows
        == before - 1
    )
    for command in ("status", "table"):
        code, _, stderr = main(command, store.location)
        assert code == 3
        assert path in stderr
    assert kinds(store)[path] == "foreign"


def test_a_repair_finds_a_place_for_everything(store, elsewhere):
    for what in ("file", "folder", "link", "full folder", "pipe"):
        put(store, "mine", what, elsewhere)
        verify(store, repair=True)
    put(store, "mine", "full folder", elsewhere)
    verify(store, repair=True)
    assert set(store.files.kinds("quarantine")) == {"mine", "2", "3", "4", "5", "6"}
    deleted = collect(store, quarantine=True).files["quarantine"]
    assert deleted.keys() == {
        "quarantine/mine",
        "quarantine/3/mine",
        "quarantine/4/mine/file",
        "quarantine/5/mine",
        "quarantine/6/mine/file",
    }
    assert (elsewhere / "file").exists()
    assert collect(store, quarantine=True).files["quarantine"] == {}


@pytest.mark.parametrize("command", ["status", "table", "verify", "gc", "resume"])
def test_a_linked_folder_is_refused_by_every_command(store, main, tmp_path, command):
    shutil.move(store.files.root / "results", tmp_path / "results")
    (store.files.root / "results").symlink_to(tmp_path / "results")
    code, _, stderr = main(command, store.location)
    assert code == 4
    assert "`results` is a link" in stderr
    assert "hint: move the whole store" in stderr


@pytest.mark.parametrize("what", [None, "damaged", "folder", "link", "pipe"])
def test_a_lost_marker_is_named_and_restored(store, elsewhere, main, what):
    store.files.delete("store.json")
    if what:
        put(store, "store.json", what, elsewhere)
    for command in ("status", "table", "gc", "resume"):
        code, _, stderr = main(command, store.location)
        assert code == 4
        assert "hint: `prunesweep verify --repair` restores it" in stderr
    code, stdout, _ = main("verify", store.location)
    assert code == 3
    assert f"{'corrupt' if what else 'missing'}  store.json" in stdout
    assert "hint: `prunesweep verify --repair` restores `store.json`" in stdout
    code, stdout, _ = main("verify", store.location, "--repair")
    assert (code, "restored `store.json`" in stdout, "moved damaged and foreign files to" in stdout) == (
        3,
        True,
        bool(what),
    )
    assert main("verify", store.location)[0] == main("status", store.location)[0] == 0
    assert os.path.lexists(store.files.root / "quarantine/store.json") == bool(what)


def test_a_marker_of_a_newer_version_is_never_written_over(store, main):
    for marker in (b'{"format": 2}', b'{"format": 2, "dama'):
        store.files.write("store.json", marker)
        code, _, stderr = main("verify", store.location, "--repair")
        assert (code, "newer prunesweep" in stderr) == (4, True)
        assert store.files.read("store.json") == marker


@pytest.mark.parametrize(
    ("what", "path"),
    [
        *((what, "lease.json") for what in ("folder", "pipe", "link", "damaged")),
        ("link", "leases/0001-of-0002.json"),
    ],
)
def test_anything_else_in_the_place_of_a_lease_is_named_and_set_aside(store, elsewhere, main, what, path):
    put(store, path, what, elsewhere)
    code, stdout, stderr = main("status", store.location)
    assert (code, "Driven by" in stdout, f"skipped {path}: is " in stderr) == (3, False, True)
    assert kinds(store) == {path: "corrupt" if what == "damaged" else "foreign"}
    if what != "damaged":  # which is taken over once it is seen not to move
        code, _, stderr = main("resume", store.location, "--in-process")
        assert code == 4
        assert "hint: `prunesweep verify --repair` sets it aside" in stderr
    assert main("verify", store.location, "--repair")[0] == 3
    assert os.path.lexists(store.files.root / "quarantine" / path)
    assert main("verify", store.location)[0] == main("status", store.location)[0] == 0


def test_what_a_lease_says_does_nothing_to_a_terminal(store, main, monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "a\x1b[2J\nhost")
    owner = replace(Owner.this_process(), user="\x07\u202e", begun="\x1b]0;title")
    store.files.write("lease.json", owner.to_bytes())
    _, stdout, _ = main("status", store.location)
    assert r"on a\x1b[2J\x0ahost (user \x07\u202e) since \x1b]0;title" in stdout
    with pytest.raises(StoreError) as refusal, Lease(store):
        pass
    refused = str(refusal.value)
    assert not {"\x1b", "\x07", "\u202e"} & set(stdout + refused)
    assert r"host a\x1b[2J\x0ahost" in refused


def test_a_driver_is_refused_by_anything_else_in_the_place_of_the_lease(store, elsewhere):
    put(store, "lease.json", "folder", elsewhere)
    with pytest.raises(StoreError, match=r"`lease\.json` is a folder, not a file"), Lease(store):
        pass
