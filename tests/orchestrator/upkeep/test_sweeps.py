"""`sweeps`, `retire` and `rename`: what a store shows, and what it keeps."""

from __future__ import annotations

import json
import shutil

import pytest

import prunesweep as ps
from orchestrator.planning.changes import check_unchanged
from orchestrator.sweep.spec import spec_from_dict
from orchestrator.upkeep.gc import collect
from orchestrator.upkeep.verify import verify
from tests.support.closed import close_file
from tests.support.faulty_files import FaultyFiles
from tests.support.records import cell, cells_table, dense_cell, make_store, record_of
from tests.support.stores import contents
from tests.support.sweeps import grid, recipe, tiny_sweep
from workers.errors import InputError, StoreError
from workers.store import Store, layout
from workers.store.failures import Failure
from workers.store.lease import Lease

OPTIONS = ps.RunOptions(in_process=True, quiet=True)


@pytest.fixture
def store(tmp_path):
    """A sweep with a failed cell, and the mended one of the same name: same labels, other trials."""
    dense, failed = dense_cell(), cell(technique="lr_rewinding")
    store = make_store(tmp_path / "store", [dense, failed], [record_of(dense)], sweep="big")
    store.failures.write(failed["trial"], Failure(outcome="diverged", reason="the loss is not finite"))
    mended = cell(technique="lr_rewinding", trial="mended")
    store.sweeps.add("big", {"name": "big", "spec": {"name": "big"}}, cells_table([dense, mended]))
    store.records.publish(record_of(mended), {"layers": [], "curve": []})
    return store


def listed(store):
    return {sweep.sweep: sweep for sweep in ps.sweeps(store.location).sweeps}


def test_sweeps_are_listed_with_their_counts_and_newest_result(store, main):
    old, new = listed(store).values()
    assert (old.sweep, old.name, old.cells, old.done, old.failed, old.blocked) == ("0001-big", "big", 2, 1, 1, 0)
    assert (new.sweep, new.done, new.failed, new.retired) == ("0002-big", 2, 0, False)
    code, stdout, _ = main("sweeps", store.location)
    assert code == 0
    assert stdout.splitlines()[1:] == [
        "  sweep     cells  done  failed  blocked  newest result (UTC)",
        "  0001-big      2     1       1        0  2025-01-01 00:01",
        "  0002-big      2     2       0        0  2025-01-01 00:01",
    ]
    [first, _] = json.loads(main("sweeps", store.location, "--json")[1])["sweeps"]
    assert (first["newest_result"], first["retired"]) == ("2025-01-01T00:01:00+00:00", False)


def test_a_retired_sweep_is_shown_only_if_it_is_asked_for(store, main):
    everything = contents(store, "")
    assert main("retire", store.location, "0001-big")[0] == 0
    assert listed(store)["0001-big"].retired
    status = ps.status(store.location)
    assert ([sweep.sweep for sweep in status.sweeps], status.retired) == (["0002-big"], ["0001-big"])
    assert "failed" not in str(status)
    assert "Not shown: 1 retired sweep" in str(status)
    assert set(ps.frame(store.location)["sweep"]) == {"0002-big"}
    assert set(ps.frame(store.location)["recipe"]) == {"default"}
    for shown in (["--sweep", "0001-big"], ["--all"]):
        text = main("status", store.location, *shown)[1]
        assert "0001-big (retired): 1 of 2 cells done\n  1 trial failed (1 diverged), holding up 1 cell\n" in text
    assert "default (0001-big)" in main("table", store.location, "--all")[1]
    assert "default (0001-big)" not in main("table", store.location)[1]
    assert main("table", store.location, "--sweep", "big")[1] == main("table", store.location)[1]
    assert main("retire", store.location, "big", "--undo")[0] == 0
    assert contents(store, "") == everything


def test_retired_sweeps_count_in_no_result_unless_they_are_asked_for(store, main, tmp_path):
    trial = cell(technique="lr_rewinding")["trial"]
    ps.retire(store.location, "0001-big")
    for command in ("table", "headline", "compare"):
        stores = [store.location] * (2 if command == "compare" else 1)
        _, without, _ = main(command, *stores, "--json")
        _, with_retired, _ = main(command, *stores, "--json", "--all")
        rows, more = json.loads(without)["cells"], json.loads(with_retired)["cells"]
        assert {row["recipe"] for row in rows} == {"default"}
        assert {row["recipe"] for row in more} == {"default", "default (0001-big)"}
    assert f"has no cell `{trial}`" in main("export-model", store.location, trial, "--to", tmp_path / "to")[2]
    assert "it failed: diverged" in main("export-model", store.location, trial, "--to", tmp_path / "to", "--all")[2]
    assert len(ps.headline(store.location, retired=True).rows()) > len(ps.headline(store.location).rows())


@pytest.mark.parametrize("command", ["table", "headline", "compare", "export", "report"])
def test_a_report_that_only_retired_sweeps_could_fill_says_that_they_are_hidden(store, main, tmp_path, command):
    for folder in ("0001-big", "0002-big"):
        ps.retire(store.location, folder)
    hidden = f"2 retired sweeps (`prunesweep sweeps {store.location}` lists all)"
    assert f"Not shown: {hidden}" in main("status", store.location)[1]
    words = {"compare": ["renda2020"], "export": ["--to", tmp_path / "to"], "report": ["-o", tmp_path / "page.html"]}
    code, stdout, stderr = main(command, store.location, *words.get(command, []))
    assert (code, stdout) == (2, "")
    assert f"all sweeps in the store are hidden: {hidden}" in stderr
    assert "`--all` includes retired sweeps" in stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "store"]


def test_a_name_means_its_retired_sweeps_if_all_of_that_name_are(store):
    for folder in ("0001-big", "0002-big"):
        ps.retire(store.location, folder)
    assert len(ps.frame(store.location)) == 0
    assert len(ps.frame(store.location, "big")) == 3  # the dense network is in both
    with pytest.raises(InputError, match=r"has no sweep that is not retired(?s:.*)`--sweep` names a retired one"):
        ps.resume(store.location)


def test_a_sweep_that_cannot_be_read_may_be_sound_and_is_not_called_damaged(store, monkeypatch):
    close_file(monkeypatch, layout.sweep_path("0002-big"))
    refusal = r"Permission denied(?s:.*)hint: let this user read it, or try again after an outage$"
    with pytest.raises(StoreError, match=refusal):
        ps.resume(store.location)
    with pytest.raises(StoreError, match=refusal):
        check_unchanged({"tasks": {}}, store)


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("big", r"has 2 sweeps `big`(?s:.*)name one: 0001-big, 0002-big"),
        ("nope", r"no sweep `nope`(?s:.*)it has 0001-big, 0002-big"),
    ],
)
def test_exactly_one_sweep_must_be_meant(store, sweep, message):
    for ask in (lambda: ps.retire(store.location, sweep), lambda: ps.rename(store.location, sweep, "new")):
        with pytest.raises(InputError, match=message):
            ask()


def test_of_several_with_a_name_the_one_that_can_be_retired_or_brought_back_is_meant(store):
    assert ps.retire(store.location, "0001-big") == "0001-big"
    assert ps.retire(store.location, "big") == "0002-big"
    assert ps.retire(store.location, "0002-big", undo=True) == "0002-big"
    assert ps.retire(store.location, "big", undo=True) == "0001-big"


def test_nothing_is_retired_or_renamed_while_a_driver_is_at_work(store):
    with Lease(store):
        for ask in (lambda: ps.retire(store.location, "0001-big"), lambda: ps.rename(store.location, "0001-big", "x")):
            with pytest.raises(StoreError, match="in use by another driver"):
                ask()


def test_a_damaged_note_of_a_retirement_is_named_and_set_aside(store):
    ps.retire(store.location, "0001-big")
    assert verify(store).problems == []
    store.files.write("sweeps/0001-big/retired.json", b"{}")
    [problem] = verify(store, repair=True).problems
    assert (problem.path, problem.kind) == ("sweeps/0001-big/retired.json", "corrupt")
    assert not listed(store)["0001-big"].retired
    store.files.write("sweeps/0007-gone/retired.json", b"{}")
    assert [problem.kind for problem in verify(store).problems] == ["orphaned"]


def test_a_renamed_sweep_keeps_its_number_its_cells_and_whether_it_is_retired(store):
    ps.retire(store.location, "0001-big")
    before = store.sweeps.read_cells("0001-big")
    assert ps.rename(store.location, "0001-big", "diverging") == "0001-diverging"
    assert [*listed(store)] == ["0001-diverging", "0002-big"]
    assert listed(store)["0001-diverging"].retired
    assert store.sweeps.read_cells("0001-diverging") == before
    assert ps.rename(store.location, "big", "big") == "0002-big"
    assert store.sweeps.read("0001-diverging")["spec"]["name"] == "diverging"
    assert verify(store).problems == []


@pytest.mark.parametrize("name", ["", "Big", "a/b", "../x", "con", "x" * 65, "-x", "ä"])
def test_a_new_name_must_be_one_that_a_sweep_file_could_have(store, name):
    with pytest.raises(InputError, match="the new name"):
        ps.rename(store.location, "0001-big", name)


@pytest.mark.parametrize("operation", ["write", "delete"])
@pytest.mark.parametrize("how", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_sweep_is_never_lost_on_the_way_to_another_name(store, operation, how, number):
    faulty = Store(store.location, files=FaultyFiles(store.files, operation, number, how))
    with pytest.raises(OSError, match="error"):
        faulty.sweeps.rename("0002-big", "new")
    assert store.sweeps.folders()[-1] in ("0002-big", "0002-new")
    assert len(ps.frame(store.location)) == 3
    for folder in store.sweeps.named("big"):
        store.sweeps.rename(folder, "new")
    assert len(ps.frame(store.location, "new")) == 3
    assert {problem.kind for problem in verify(store).problems} <= {"half-written"}  # the rest of the old folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with a sweep, and another one that shares nothing with it."""
    location = tmp_path_factory.mktemp("trained") / "store"
    for settings in ({}, {"name": "other", "recipe": recipe(duration="2ep", batch_size=16)}):
        assert ps.run(spec_from_dict(tiny_sweep(**settings)), location, options=OPTIONS).exit_code == 0
    return location


@pytest.fixture
def used(trained, tmp_path):
    return Store(shutil.copytree(trained, tmp_path / "store"))


def test_gc_frees_the_states_of_a_retired_sweep_and_no_record(used):
    trials = {row["trial"] for row in used.sweeps.read_cells("0001-tiny").to_pylist()}
    records = contents(used)
    ps.retire(used.location, "tiny")
    assert verify(used).problems == []
    collect(used)
    assert {stop.trial for stop in used.states.checkpoint_sizes()}.isdisjoint(trials)
    assert used.states.checkpoint_sizes()  # those of the other sweep
    assert contents(used) == records
    ps.retire(used.location, "tiny", undo=True)
    assert len(ps.frame(used.location, "tiny")) == 3
    assert verify(used).problems == []


def test_states_that_another_sweep_needs_are_kept(used):
    larger = tiny_sweep(name="larger", grid=grid(technique="weight_rewinding", compression=[2, 4, 8], budget="50%"))
    ps.run(spec_from_dict(larger), used.location, options=OPTIONS)
    ps.retire(used.location, "tiny")
    assert collect(used, dry_run=True).bytes == 0


def test_running_a_retired_sweep_again_brings_it_back(used):
    ps.retire(used.location, "other")
    ps.run(spec_from_dict(tiny_sweep(name="third")), used.location, options=OPTIONS)
    ps.retire(used.location, "third")
    summary = ps.resume(used.location, sweep="third", options=OPTIONS)
    assert (summary.trained, [name for name, sweep in listed(used).items() if sweep.retired]) == (0, ["0002-other"])
    assert len(listed(used)) == 3


def test_a_search_continues_in_its_sweep_under_the_new_name(used, tmp_path):
    spec = spec_from_dict(tiny_sweep(name="net"))
    search = {"tolerance": 90, "rate": "50%", "to": tmp_path / "out", "options": OPTIONS}
    ps.prune(spec, used.location, max_rounds=1, **search)
    assert ps.rename(used.location, "net-pruned", "smallest") == "0003-smallest"
    ps.retire(used.location, "smallest")
    pruned = ps.prune(spec, used.location, max_rounds=2, **search)
    assert len(pruned.rounds) == 3
    assert [*listed(used)] == ["0001-tiny", "0002-other", "0003-smallest"]
    assert not listed(used)["0003-smallest"].retired
