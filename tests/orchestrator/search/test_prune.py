"""`prune` and `export-model` on a network that trains in milliseconds: the files, continuing after an end, errors."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import prunesweep as ps
from orchestrator.driver.options import RunOptions
from tests.support.places import ROOT
from tests.support.stores import attempts, with_facts
from workers.data.images import open_data
from workers.errors import InputError
from workers.models.build import build, prunable
from workers.store.filesystems.local import LocalFiles
from workers.training import trainer
from workers.training.evaluation import evaluate
from workers.trial import Dataset, Evaluation, Network, Recipe

SWEEP = """\
version: 1
name: tiny
dataset: {name: synthetic, train_images: 80, test_images: 200, classes: 4, channels: 1, size: 6}
network: {name: mlp, hidden: [16, 12], batch_norm: true}
recipe:
  duration: 6ep
  batch_size: 16
  optimizer: {name: SGD, lr: 0.1, momentum: 0.9}
  batch_norm_momentum: 0.1
"""
IN_PROCESS = RunOptions(in_process=True, quiet=True, checkpoint_seconds=0)
ASKED = {"tolerance": 20, "rate": "60%"}
README = ROOT / "README.md"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The folder of a search to which nothing happened, and how it went."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "tiny.yaml").write_text(SWEEP)
    return folder, ps.prune(folder / "tiny.yaml", folder / "store", options=IN_PROCESS, **ASKED)


@pytest.fixture
def folder(tmp_path, undisturbed):
    """A folder with the sweep file and a new store that knows the data and the network already."""
    (tmp_path / "tiny.yaml").write_text(SWEEP)
    with_facts(tmp_path / "store", undisturbed[0] / "store")
    return tmp_path


def prune(folder, **asked):
    return ps.prune(folder / "tiny.yaml", folder / "store", **({"options": IN_PROCESS} | ASKED | asked))


def files_of(folder, name="store-pruned"):
    return {path.name: path.read_bytes() for path in (folder / name).iterdir()}


def loaded(model):
    """The network that a card describes, with the weights of its file, and the masks; as the README loads them."""
    facts = open_data(DATA, torch.device("cpu")).facts
    network = build(Network(**model.card["build"]), facts, RECIPE, 1, "dense")
    python = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    [code] = [block for block in python if "load_file" in block]
    known = {"network": network}
    exec(code.replace("runs/digits-pruned/digits.safetensors", model.model), known)
    return network, known["masks"]


DATA = Dataset(
    name="synthetic", arguments={"train_images": 80, "test_images": 200, "classes": 4, "channels": 1, "size": 6}
)
RECIPE = Recipe(batch_size=16, optimizer="SGD")


def test_the_smallest_network_within_the_tolerance_is_written_with_its_card(undisturbed):
    folder, found = undisturbed
    card = found.model.card
    assert found.exit_code == 0
    assert found.reason == "tolerance"
    assert 1 <= found.kept.number == len(found.rounds) - 2
    assert json.loads((folder / "store-pruned" / "tiny.json").read_text()) == card
    data = Path(found.model.model).read_bytes()
    assert card["sha256"] == hashlib.sha256(data).hexdigest()
    assert (card["technique"], card["budget"], card["round"]) == ("lr_rewinding", "100%", found.kept.number)
    assert card["compression"] == pytest.approx(0.4**-found.kept.number)
    assert card["kept_weights"] == round(card["prunable_weights"] * 0.4**found.kept.number)
    assert sum(layer["kept"] for layer in card["layers"]) == card["kept_weights"]
    assert card["accuracy"]["dense_validation"] == found.rounds[0].validation_accuracy[0]
    assert card["accuracy"]["test"] == found.kept.test_accuracy[0]
    cost, epochs = card["cost"], 6.0
    assert cost["sparse_multiply_adds"] < cost["multiply_adds"] == card["prunable_weights"]
    assert cost["sparse_paper_flops"] < cost["paper_flops"]
    assert cost["epochs"] == pytest.approx(epochs * (1 + found.kept.number))
    search = card["search"]
    assert search["epochs_trained"] == pytest.approx(epochs * len(found.rounds))
    assert [each["round"] for each in search["rounds"]] == list(range(len(found.rounds)))
    assert -search["rounds"][-1]["validation_change"][0] > 20 >= -search["rounds"][-2]["validation_change"][0]
    trainer = card["training"]
    assert (trainer["duration"], trainer["optimizer"]["lr"], trainer["schedule"]["name"]) == ("6ep", 0.1, "constant")
    assert card["dataset"] == "synthetic(channels=1, classes=4, size=6, test_images=200, train_images=80)"
    assert card["input"] == {"shape": [1, 6, 6], "classes": 4, "normalization": "per_image"}


def test_the_file_loads_into_the_plain_network_and_has_its_accuracy(undisturbed):
    _, found = undisturbed
    network, masks = loaded(found.model)
    weights = prunable(network)
    assert {f"{name}..mask" for name in weights} == masks.keys() == found.model.card["masks"].keys()
    for name, weight in weights.items():
        mask = masks[f"{name}..mask"]
        assert (mask.dtype, mask.shape) == (torch.bool, weight.shape)
        assert not weight[~mask].any()
    data = open_data(DATA, torch.device("cpu"))
    scores = evaluate(network.eval(), data, RECIPE, Evaluation(), data.stream(RECIPE, 0, "dense"))
    accuracy = found.model.card["accuracy"]
    assert (scores.validation_accuracy, scores.test_accuracy) == (accuracy["validation"], accuracy["test"])


def test_a_search_is_recorded_like_any_sweep(undisturbed):
    folder, found = undisturbed
    [sweep] = ps.status(folder / "store").sweeps
    assert (sweep.sweep, sweep.cells, sweep.missing) == ("0001-tiny-pruned", len(found.rounds), 0)
    frame = ps.frame(folder / "store")
    assert frame.test_accuracy.tolist() == [each.test_accuracy[0] for each in found.rounds]
    before = attempts(folder / "store")
    assert ps.resume(folder / "store", options=IN_PROCESS).exit_code == 0
    again = prune(folder)
    assert (again.rounds, again.model.card) == (found.rounds, found.model.card)
    assert attempts(folder / "store") == before


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


def test_where_no_round_is_within_the_tolerance_the_dense_network_is_kept(main, folder):
    code, stdout, stderr = main(
        "prune", folder / "tiny.yaml", "--store", folder / "store",
        "--tolerance", "0", "--rate", "99%", "--in-process", "--replicates", "2",
    )  # fmt: skip
    assert code == 0
    assert "No pruned network is within the tolerance: kept the dense network" in stderr
    card = json.loads(Path(stdout.splitlines()[1]).read_text())
    assert (card["technique"], card["compression"], card["masks"]) == ("dense", 1.0, {})
    assert load_file(stdout.splitlines()[0]).keys() == load_file(folder / "store-pruned" / card["model"]).keys()
    best = max(card["search"]["rounds"][0]["validation_accuracy"])
    assert card["accuracy"]["validation"] == best


def test_the_command_tells_of_each_round_and_what_came_out(main, folder, undisturbed):
    shutil.copytree(undisturbed[0] / "store", folder / "store", dirs_exist_ok=True)
    (folder / "tiny.yaml").write_text(SWEEP + "grid: {technique: fine_tuning, compression: 4, budget: 50%}\n")
    arguments = ["prune", folder / "tiny.yaml", "--store", folder / "store", "--tolerance", "20", "--rate", "60%"]
    code, stdout, stderr = main(*arguments)
    assert code == 0
    assert stdout.split() == [str(folder / "store-pruned" / name) for name in ("tiny.safetensors", "tiny.json")]
    lines = stderr.splitlines()
    rounds = undisturbed[1].rounds
    assert [line.split()[0] for line in lines if "×" in line and "%" in line][: len(rounds)] == [
        "dense", *(str(each.number) for each in rounds[1:]),
    ]  # fmt: skip
    assert f"`prune` does not use the grid of {folder / 'tiny.yaml'}" in stderr
    assert f"Stopped: in round {rounds[-1].number} validation accuracy fell by" in stderr
    assert f"Kept round {rounds[-2].number}" in stderr
    assert "load_state_dict" in stderr
    code, stdout, _ = main(*arguments, "--json", "-q")
    assert json.loads(stdout) == undisturbed[1].model.card


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"tolerance": -1}, "the tolerance must be between 0 and 100"),
        ({"tolerance": float("nan")}, "the tolerance must be between 0 and 100"),
        ({"rate": "120%"}, "must be a share of the weights between 0% and 100%"),
        ({"rate": "99.99%"}, "would leave none of the 816 prunable weights"),
        ({"max_rounds": 0}, "`max_rounds` must be at least 1: 0"),
        ({"to": README}, "cannot write to folder"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_starts(folder, asked, message):
    with pytest.raises(InputError, match=message):
        prune(folder, **asked)
    assert not (folder / "store" / "results").exists()


def export(folder, cell):
    return ps.export_model(folder / "store", cell, folder / "models")


@pytest.mark.parametrize("by", ["expression", "trial", "stop"])
def test_export_model_writes_any_cell(undisturbed, by, tmp_path):
    folder, _ = undisturbed
    row = ps.frame(folder / "store").iloc[1]
    cell = {
        "expression": "technique=lr_rewinding,compression=2.5,budget=100%,replicate=0",
        "trial": row.trial[:10],
        "stop": f"{row.trial}@{row.step}",
    }[by]
    model = ps.export_model(folder / "store", cell, tmp_path)
    assert (model.card["trial"], model.card["round"], "search" in model.card) == (row.trial, 1, False)
    network, _ = loaded(model)
    assert sum(int((weight != 0).sum()) for weight in prunable(network).values()) <= row.kept_weights
    assert Path(model.model).name == f"lr_rewinding-2.5x-{row.trial[:8]}-{row.step}.safetensors"


def test_export_model_without_a_cell_asks_for_one(main, undisturbed):
    for store in (undisturbed[0] / "store", "s3://bucket/store"):
        code, stdout, stderr = main("export-model", store)
        assert (code, stdout) == (2, "")
        assert f"error: no cell given for store `{store}`" in stderr
        assert f"hint: for example `prunesweep export-model {store} technique=" in stderr


def test_export_model_names_what_tells_cells_apart(main, undisturbed):
    folder, found = undisturbed
    code, stdout, stderr = main("export-model", folder / "store", "technique=lr_rewinding")
    assert (code, stdout) == (2, "")
    assert f"must pick one cell, but picks {len(found.rounds) - 1}; they differ in `compression` (2.5, " in stderr
    assert "hint: name one of each, for example `compression=2.5`, or `" in stderr


def test_export_model_refuses_what_is_not_there(folder, undisturbed):
    shutil.copytree(undisturbed[0] / "store", folder / "store", dirs_exist_ok=True)
    for cell, message in {
        "technique=fine_tuning": "no cell matches `technique=fine_tuning`",
        "technik=dense": "unknown column: `technik`",
        "0123abcd": "has no cell `0123abcd`",
        "": "must pick one cell, but picks",
    }.items():
        with pytest.raises(InputError, match=message):
            export(folder, cell)
    for path in (folder / "store" / "checkpoints").glob("*/*"):
        path.unlink()
    with pytest.raises(InputError, match=r"it was deleted .*\n\nhint: run the sweep with `keep: all`"):
        export(folder, "technique=dense")
    for path in (folder / "store" / "results").iterdir():
        path.unlink()
    (folder / "store" / "cache" / "records.parquet").unlink()
    with pytest.raises(InputError, match="has no result: it has not finished training"):
        export(folder, "technique=dense")
    assert not (folder / "models").exists() or not list((folder / "models").iterdir())
