"""The numbers of the page, recomputed from the files of the store and the exported table by pandas alone."""

from __future__ import annotations

import re

import pandas as pd
import pytest

import prunesweep as ps
from orchestrator.results.page.views.times import time_ticks
from tests.support.html import parse, rows, table

T_OF_TWO = 4.302652729911275
"""The 97.5% quantile of Student's t with two degrees of freedom, from a printed table."""


@pytest.fixture(scope="module")
def tree(text):
    """The page with numbers that Python can read."""
    return parse(text.replace("−", "-"))


@pytest.fixture(scope="module")
def results(store):
    """A row for each cell, joined by hand: the accuracies of its record and of its replicate's dense network."""
    cells = pd.read_parquet(f"{store.location}/sweeps/0001-digits/cells.parquet")
    files = sorted(store.files.sizes("results"))
    records = pd.concat([pd.read_parquet(f"{store.location}/{path}") for path in files])
    measured = ["test_score", "validation_score", "sparse_multiply_adds", "wall_seconds"]
    scores = records.set_index("trial")[measured]
    joined = cells.join(scores, on="trial")
    joined["dense"] = joined["dense_trial"].map(scores["test_score"])
    joined["change"] = 100 * (joined["test_score"] - joined["dense"])
    return joined[joined["technique"] != "dense"]


@pytest.fixture(scope="module")
def chosen(results):
    """The rows at the budget with the highest median validation accuracy, among those with all replicates."""
    groups = results.groupby(["technique", "compression", "budget"])
    medians = groups["validation_score"].median()[groups["validation_score"].count() == 3]
    best = medians.groupby(["technique", "compression"]).idxmax()
    return pd.concat([groups.get_group(key) for key in best])


def floats(text):
    return [float(number) for number in re.findall(r"[-+]?\d+\.?\d*", text)]


def test_accuracy_and_change(tree, chosen):
    shown = {(line[0], line[1]): line[2:] for line in rows(table(tree, "Test accuracy (percent)"))}
    groups = chosen.groupby(["technique", "compression"])
    assert len(shown) == len(groups) == 9
    for (technique, compression), group in groups:
        budget, done, score, change, mean = shown[technique, f"{compression:g}×"]
        provisional = "*" if (technique, compression) == ("fine_tuning", 16.0) else ""  # a trial at 10ep has failed
        assert (budget, done) == (group["budget"].iloc[0] + provisional, "3/3")
        accuracy = 100 * group["test_score"]
        assert floats(score) == pytest.approx([accuracy.median(), accuracy.min(), accuracy.max()], abs=0.006)
        changes = group["change"]
        assert floats(change) == pytest.approx([changes.median(), changes.min(), changes.max()], abs=0.006)
        half = T_OF_TWO * changes.std() / 3**0.5
        assert floats(mean) == pytest.approx([changes.mean(), changes.mean() - half, changes.mean() + half], abs=0.006)


def test_the_largest_compression_within_a_drop(tree, chosen):
    dense = chosen["dense"].drop_duplicates().median()
    shown = {line[1]: line[2:] for line in rows(table(tree, "Largest compression within a drop"))}
    for technique, mine in chosen.groupby("technique"):
        medians = mine.groupby("compression")["test_score"].median()
        expected = []
        for drop in (0, 0.5, 1, 2):
            within = medians[medians >= dense - drop / 100 - 1e-11]
            expected.append("–" if within.empty else f"{within.index.max():g}×")
        assert [text.removeprefix("≥ ") for text in shown[technique]] == expected


def test_notes_under_a_largest_compression_are_means_with_their_intervals(tree, chosen):
    reached = table(tree, "Largest compression within a drop")
    notes = [floats(note.text) for note in reached.all("small")]
    cells = [("weight_rewinding", 4.0), ("lr_rewinding", 4.0), ("lr_rewinding", 8.0)]
    for note, (technique, compression) in zip(notes, cells, strict=True):
        changes = chosen[(chosen["technique"] == technique) & (chosen["compression"] == compression)]["change"]
        half = T_OF_TWO * changes.std() / 3**0.5
        assert note == pytest.approx([changes.mean(), changes.mean() - half, changes.mean() + half], abs=0.006)


def test_budgets_and_search_costs(tree, results):
    for technique, mine in results.groupby("technique"):
        medians = mine.groupby(["budget", "compression"])["change"].median()
        for budget, *cells in rows(table(tree, f"{technique}: median change")):
            for compression, text in zip((4.0, 8.0, 16.0), cells, strict=True):
                if text != "2/3":
                    assert float(text) == pytest.approx(medians[budget, compression], abs=0.006)
    for technique, _, cost, *cells in rows(table(tree, "Median change from the dense network, points")):
        at = results[(results["technique"] == technique) & (results["search_cost_epochs"] == float(cost))]
        medians = at.groupby("compression")["change"].median()
        assert [float(text) for text in cells if text != "2/3"] == pytest.approx(
            [medians[c] for c, text in zip((4.0, 8.0, 16.0), cells, strict=True) if text != "2/3"], abs=0.006
        )


def test_differences_from_the_best_choice_are_paired_by_replicate(tree, results):
    done = results.groupby(["technique", "compression", "budget"]).filter(lambda group: group["change"].count() == 3)
    scores = done.pivot_table("test_score", ["technique", "budget", "compression"], "replicate")
    validation = done.groupby(["compression", "technique", "budget"])["validation_score"].median()
    checked = 0
    for technique in results["technique"].unique():
        for budget, *cells in rows(table(tree, f"{technique}: budget × compression")):
            for compression, text in zip((4.0, 8.0, 16.0), cells, strict=True):
                if text == "2/3":
                    continue
                best = validation[compression].idxmax()
                difference = (scores.loc[technique, budget, compression] - scores.loc[*best, compression]).mean()
                assert float(text.removesuffix("★")) == pytest.approx(100 * difference, abs=0.006)
                assert text.endswith("★") == ((technique, budget) == best)
                checked += 1
    assert checked == 17


def test_sizes_and_times(tree, chosen, results):
    sizes = table(tree, "Median change from the dense network (points) by size")
    for technique, compression, _, weights, operations, *_ in rows(sizes):
        group = chosen[(chosen["technique"] == technique) & (chosen["compression"] == float(compression[:-1]))]
        assert floats(weights) == pytest.approx([100 * group["density"].iloc[0]], rel=0.01)
        assert floats(operations) == pytest.approx([group["sparse_multiply_adds"].median() / 4e4], rel=0.01)
    lines = {line[0]: line[1:] for line in rows(table(tree, "Seconds of a trial"))}
    for technique, mine in results.groupby("technique"):
        seconds = mine["wall_seconds"].dropna()
        assert lines[technique][0] == str(len(seconds))
        expected = [seconds.min(), *seconds.quantile([0.25, 0.5, 0.75]), seconds.max()]
        assert [float(text) for text in lines[technique][1:6]] == pytest.approx(expected, abs=0.006)


@pytest.fixture(scope="module")
def exported(store, tmp_path_factory):
    """The tables of an export, as pandas reads them from CSV, by name."""
    folder = tmp_path_factory.mktemp("exported")
    files = {
        contents: ps.export(store.location, folder / f"{contents}.csv", contents=contents)
        for contents in ("cells", "layers", "curves")
    }
    return {name: pd.read_csv(file) for name, file in files.items()}


def test_every_layer_is_in_the_exported_table(tree, chosen, exported):
    layers = exported["layers"]
    assert (layers["density"] == layers["kept"] / layers["weights"]).all()
    shown = rows(table(tree, "Share of each layer's weights that is kept"))
    assert [name for _, name, *_ in shown] == list(dict.fromkeys(layers["layer"]))
    for _, name, *cells in shown:
        for compression, text in zip((4.0, 8.0, 16.0), cells, strict=True):
            of_cell = (chosen["technique"] == "lr_rewinding") & (chosen["compression"] == compression)
            of_layer = layers["trial"].isin(chosen[of_cell]["trial"]) & (layers["layer"] == name)
            kept = layers[of_layer]["density"]
            assert len(kept) == 3
            assert (0 if text == "collapsed" else floats(text)[0]) == pytest.approx(100 * kept.median(), abs=0.006)


def test_every_point_of_a_curve_is_in_the_exported_table(tree, exported):
    keys = ["trial", "step", "evaluation"]
    curves = exported["curves"].merge(exported["cells"], on=keys, suffixes=("", "_of_cell"))
    lines = rows(table(tree, "Learning curves, one point per epoch"))
    assert {line[0].split()[0] for line in lines} == {"dense", "fine_tuning", "weight_rewinding", "lr_rewinding"}
    for training, epoch, step, rate, loss, accuracy in lines:
        technique, *budget = training.split()
        at = curves[(curves["technique"] == technique) & (curves["replicate"] == 0)]
        at = at[at["at_step"] == int(step.replace(",", ""))]
        if budget:
            at = at[(at["compression"] == 8) & (at["budget"] == budget[0])]
        [point] = at.to_dict("records")
        start = point["dense_epochs"] if budget else 0
        assert float(epoch) == pytest.approx(start + point["epoch"], abs=0.06)
        assert float(rate) == pytest.approx(point["learning_rate"], rel=1e-3)
        assert float(loss) == pytest.approx(point["train_loss"], abs=6e-5)
        assert float(accuracy) == pytest.approx(100 * point["train_accuracy"], abs=0.006)


def test_every_cell_is_in_the_exported_table(tree, exported):
    cells = exported["cells"].set_index("trial")
    lines = rows(table(tree, "All cells"))
    assert len(lines) == len(cells) == 57
    for technique, compression, _, replicate, state, test, validation, change, cost, _, trial in lines:
        row = cells.loc[trial]
        assert (row["technique"], row["replicate"], row["compression"]) == (
            technique,
            int(replicate),
            float(compression[:-1]),
        )
        assert float(cost) == row["search_cost_epochs"]
        if state != "done":
            assert (row["failure"], test, change) == (state, "–", "–")
            continue
        assert float(test) == pytest.approx(100 * row["test_accuracy"], abs=0.006)
        assert float(validation) == pytest.approx(100 * row["validation_accuracy"], abs=0.006)
        assert float(change) == pytest.approx(row["delta_test_accuracy"], abs=0.006)


@pytest.mark.parametrize(
    ("low", "high", "names"),
    [
        (0.05, 0.3, ["0.1 s", "0.2 s"]),
        (9.0, 16.5, ["10 s", "12 s", "14 s", "16 s"]),
        (70.0, 110.0, ["70 s", "80 s", "90 s", "100 s", "110 s"]),
        (3.0, 70.0, ["5 s", "10 s", "20 s", "30 s", "60 s"]),
        (650.0, 1100.0, ["12 min", "14 min", "16 min", "18 min"]),
    ],
)
def test_an_axis_of_times_always_has_several_ticks(low, high, names):
    assert list(time_ticks(low, high).values()) == names
