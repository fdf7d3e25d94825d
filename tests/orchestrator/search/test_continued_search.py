"""Searches that continue: after an end, a signal, and with other settings."""

from __future__ import annotations

import os
import shutil
import signal

import pytest

import prunesweep as ps
from orchestrator.driver.options import RunOptions
from tests.support.searches import IN_PROCESS, files_of, prune
from tests.support.stores import attempts
from workers.store.filesystems.local import LocalFiles
from workers.training import trainer


def test_an_interrupted_search_continues_and_ends_in_the_same_files(folder, undisturbed):
    """It dies when a round is done, between two steps, and when its time is up; what was recorded is not made again."""

    class Death(Exception):
        pass

    def die(made):
        if made.number == 1:
            raise Death

    with pytest.raises(Death):
        prune(folder, on_round=die)
    kept = attempts(folder / "store")
    assert len(kept) == 2
    timed_out = prune(folder, options=RunOptions(in_process=True, quiet=True, stop_after=0))
    assert (timed_out.exit_code, timed_out.kept, len(timed_out.rounds)) == (130, None, 2)
    with pytest.MonkeyPatch.context() as patch:
        advance = trainer.Trainer.advance

        def die_in_round_3(self):
            if self.trial.stage == "3" and self.step == 7:
                raise Death
            advance(self)

        patch.setattr(trainer.Trainer, "advance", die_in_round_3)
        failed = prune(folder)
    assert (failed.exit_code, failed.summary.outcomes, len(failed.rounds)) == (3, {"bug": 1}, 3)
    assert not (folder / "store-pruned" / "tiny.json").exists()
    assert prune(folder).exit_code == 3  # it is not tried again by itself
    found = prune(folder, options=RunOptions(in_process=True, quiet=True, retry=("all",)))
    assert found.exit_code == 0
    assert files_of(folder) == files_of(undisturbed[0])
    now = attempts(folder / "store")
    assert {name: now[name] for name in kept} == kept


def test_resume_finishes_a_search(main, folder, undisturbed):
    asked = ["--tolerance", "20", "--store", folder / "store", "--rate", "60%"]
    begin = ["prune", folder / "tiny.yaml", *asked, "--in-process", "-q", "--stop-after", "0s"]
    code, stdout, stderr = main(*begin)
    assert (code, stdout) == (130, "")
    assert "Stopped by `--stop-after`\n\n" in stderr
    assert f"Continue with:  prunesweep prune {folder / 'tiny.yaml'} {' '.join(map(str, asked))}\n" in stderr
    found = "search: prune 60% per round until validation accuracy falls by more than 20 points"
    assert f"unfinished {found}\n  hint: `prunesweep resume` continues the search" in str(ps.status(folder / "store"))
    resume = ["resume", folder / "store", "--in-process"]
    code, stdout, stderr = main(*resume, "-q", "--stop-after", "0s")
    assert (code, f"Continue with:  prunesweep resume {folder / 'store'}\n" in stderr) == (130, True)
    code, _, stderr = main(*resume, "--only", "technique=dense")
    assert (code, "cannot be limited to some cells" in stderr) == (2, True)
    code, stdout, stderr = main(*resume)
    rounds = undisturbed[1].rounds
    assert code == 0
    assert stdout.split() == [str(folder / "store-pruned" / name) for name in ("tiny.safetensors", "tiny.json")]
    assert f"Kept round {rounds[-2].number}" in stderr
    assert files_of(folder) == files_of(undisturbed[0])
    [status] = ps.status(folder / "store").sweeps
    assert (status.search.tolerance, status.stopped_by, status.cells) == (20, "tolerance", len(rounds))


def test_a_search_continues_with_its_last_settings_and_place(folder, undisturbed):
    shutil.copytree(undisturbed[0] / "store", folder / "store", dirs_exist_ok=True)
    found = prune(folder, tolerance=100, max_rounds=1, to=folder / "elsewhere")
    [status] = ps.status(folder / "store").sweeps
    assert (status.cells, status.stopped_by) == (len(undisturbed[1].rounds), "max_rounds")
    shutil.rmtree(folder / "elsewhere")
    again = ps.resume(folder / "store", options=IN_PROCESS)
    assert (again.model, again.kept) == (found.model, found.kept)
    assert not (folder / "store-pruned").exists()


def test_another_network_in_the_place_of_one_is_named(main, folder, undisturbed):
    shutil.copytree(undisturbed[0] / "store", folder / "store", dirs_exist_ok=True)
    first = prune(folder)
    assert (first.model.replaced, prune(folder).model.replaced) == (None, None)
    asked = ["--store", folder / "store", "--tolerance", "0", "--rate", "60%", "--max-rounds", "1", "-q"]
    _, _, stderr = main("prune", folder / "tiny.yaml", *asked)
    card = first.model.card
    was = f"{card['network']} on {card['dataset']}, lr_rewinding {card['compression']:.2f}×, test "
    assert f"Replaced {was}" in stderr
    assert "found within 20 points at 60% per round" in stderr
    path = folder / "store-pruned" / "tiny.json"
    path.write_bytes(path.read_bytes()[:40])
    assert prune(folder).model.replaced == {}


def test_weights_are_never_next_to_the_card_of_others(folder, undisturbed, monkeypatch):
    shutil.copytree(undisturbed[0] / "store", folder / "store", dirs_exist_ok=True)
    prune(folder)
    write = LocalFiles.write

    def fail(self, path, data, durable=True):
        if path == "tiny.json":
            raise OSError
        write(self, path, data, durable)

    monkeypatch.setattr(LocalFiles, "write", fail)
    with pytest.raises(OSError):
        prune(folder, tolerance=0, max_rounds=1)
    assert files_of(folder).keys() == {"tiny.safetensors"}


def test_a_signal_drains_a_search_as_it_does_a_run(folder, undisturbed):
    def interrupt(made):
        if made.number == 1:
            os.kill(os.getpid(), signal.SIGINT)

    stopped = prune(folder, on_round=interrupt)
    assert (stopped.exit_code, stopped.kept, len(stopped.rounds)) == (130, None, 2)
    assert len(attempts(folder / "store")) == 2
    assert prune(folder).model.card == undisturbed[1].model.card


def test_another_tolerance_or_limit_uses_what_is_there(folder, undisturbed):
    shutil.copytree(undisturbed[0] / "store", folder / "store", dirs_exist_ok=True)
    before = attempts(folder / "store")
    limited = prune(folder, max_rounds=1, tolerance=100, to=folder / "limited")
    assert (limited.reason, limited.kept.number) == ("max_rounds", 1)
    assert (folder / "limited" / "tiny.safetensors").exists()
    assert attempts(folder / "store") == before
    looser = prune(folder, tolerance=100, rate="60%")
    assert looser.reason == "nothing_left"
    assert looser.model.card["kept_weights"] == 1
    assert attempts(folder / "store").items() > before.items()
    assert [sweep.sweep for sweep in ps.status(folder / "store").sweeps] == ["0001-tiny-pruned"]
