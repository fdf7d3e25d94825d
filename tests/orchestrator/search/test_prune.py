"""`prune` and `export-model` on a network that trains in milliseconds: the files, continuing after an end, errors."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import prunesweep as ps
from tests.support.searches import DATA, IN_PROCESS, README, RECIPE, SWEEP, loaded, prune
from tests.support.stores import attempts
from workers.data.loading import open_data
from workers.errors import InputError
from workers.models.build import prunable
from workers.training.evaluation import evaluate
from workers.trial import Evaluation


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
    assert card["accuracy"]["dense_validation"] == found.rounds[0].validation_scores[0]
    assert card["accuracy"]["test"] == found.kept.test_scores[0]
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
    assert (scores.validation.scores, scores.test.scores) == ((accuracy["validation"],), (accuracy["test"],))


def test_a_search_is_recorded_like_any_sweep(undisturbed):
    folder, found = undisturbed
    [sweep] = ps.status(folder / "store").sweeps
    assert (sweep.sweep, sweep.cells, sweep.missing) == ("0001-tiny-pruned", len(found.rounds), 0)
    frame = ps.frame(folder / "store")
    assert frame.test_accuracy.tolist() == [each.test_scores[0] for each in found.rounds]
    before = attempts(folder / "store")
    assert ps.resume(folder / "store", options=IN_PROCESS).exit_code == 0
    again = prune(folder)
    assert (again.rounds, again.model.card) == (found.rounds, found.model.card)
    assert attempts(folder / "store") == before


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
        ({"tolerance": -1}, "the tolerance must be 0 or more"),
        ({"tolerance": float("nan")}, "the tolerance must be 0 or more"),
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
