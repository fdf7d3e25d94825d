"""Every report, in every format, on a store whose grids are in every condition at once."""

from __future__ import annotations

import csv
import io
import json

import pytest

import prunesweep as ps
from orchestrator.results.load import read
from orchestrator.results.table import table
from tests.support.records import cell, dense_cell, make_store, record_of
from workers.store.failures import Failure

FORMATS = ("text", "markdown", "csv", "latex", "html", "json")
SMALL, LARGE = 0.8**-1, 0.8**-5
LOSSES = {("fine_tuning", SMALL): 0.001, ("fine_tuning", LARGE): 0.02, ("lr_rewinding", SMALL): -0.01}
DIVERGED = Failure(outcome="diverged", reason="the loss is nan at step 3", step=3)

# The grids (network, recipe), and how many of their replicates are done: of the dense network, of pruned ones, planned.
GRIDS = {
    ("resnet8", "default"): (3, 3, 3),
    ("resnet8", "too_fast"): (0, 0, 3),  # its dense networks diverged
    ("resnet8", "too_fast_later"): (3, 0, 3),  # its pruned networks diverged
    ("resnet20", "default"): (1, 1, 1),
    ("resnet20", "long"): (3, 1, 3),
    ("resnet20", "waiting"): (1, 0, 2),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    cells, records, failed = [], [], []
    for (network, recipe), (dense_done, done, planned) in GRIDS.items():
        for replicate in range(planned):
            place = {"network": network, "recipe": recipe, "replicate": replicate, "dataset": "cifar10"}
            dense_trial = f"dense_{network}_{recipe}_{replicate}"
            dense = dense_cell(dense_trial=dense_trial, **place)
            cells.append(dense)
            if replicate < dense_done:
                records.append(record_of(dense, test_score=0.9 + replicate / 1000))
            elif recipe == "too_fast":
                failed.append(dense_trial)
            for (technique, compression), loss in LOSSES.items():
                for epochs in (3.0, 9.0):
                    trial = f"{technique}_{compression:.0f}_{epochs:.0f}_{dense_trial}"
                    pruned = cell(
                        technique=technique,
                        compression=compression,
                        budget=f"{epochs:.0f}ep",
                        budget_epochs=epochs,
                        dense_trial=dense_trial,
                        trial=trial,
                        **place,
                    )
                    cells.append(pruned)
                    if replicate < done:
                        accuracy = 0.9 - loss + replicate / 1000
                        records.append(record_of(pruned, test_score=accuracy, validation_score=accuracy))
                    elif recipe == "too_fast_later":
                        failed.append(trial)
    made = make_store(tmp_path_factory.mktemp("mixed") / "store", cells, records)
    for trial in failed:
        made.failures.write(trial, DIVERGED)
    return made.location


def in_every_format(report):
    """A report as text, and its rows, after a look at all formats."""
    shown = {format_: getattr(report, f"to_{format_}")() for format_ in FORMATS}
    cells = json.loads(shown["json"])["cells"]
    assert cells
    lines = list(csv.DictReader(io.StringIO(shown["csv"])))
    assert [line["technique"] for line in lines] == [row["technique"] for row in cells]
    for format_ in ("text", "markdown", "latex", "html"):
        assert "nan" not in shown[format_], format_
        assert "None" not in shown[format_], format_
    assert report.to_text(40)
    return shown["text"], cells


@pytest.fixture(scope="module")
def rows(store):
    return read(store, None).rows


@pytest.mark.parametrize("budget", [None, "best", "longest", "single", "3ep", "9ep"])
@pytest.mark.parametrize("statistic", ["median", "mean"])
@pytest.mark.parametrize("value", ["accuracy", "delta"])
@pytest.mark.parametrize("split", ["test", "validation"])
def test_table(rows, split, value, statistic, budget):
    _, cells = in_every_format(table(rows, split=split, value=value, statistic=statistic, budget=budget))
    done = {(row["network"], row["recipe"]): row["n"] for row in cells if row["technique"] == "fine_tuning"}
    assert done == {grid: pruned for grid, (_, pruned, _) in GRIDS.items()}


@pytest.mark.parametrize("budget", ["best", "longest", "single", "3ep", "9ep"])
def test_compare_with_itself(store, budget):
    text, _ = in_every_format(ps.compare(store, store, budget=budget))
    assert "resnet8" in text


def test_compare_with_the_study(store):
    text, _ = in_every_format(ps.compare(store, "renda2020"))
    assert "resnet20" in text


@pytest.mark.parametrize(("tolerance", "limit"), [(0.0, None), (0.5, SMALL), (50.0, LARGE)])
def test_headline(store, tolerance, limit):
    _, cells = in_every_format(ps.headline(store, tolerance=tolerance))
    reached = {(row["network"], row["recipe"], row["technique"]): row["best_compression"] for row in cells}
    complete = [("resnet8", "default"), ("resnet20", "default")]
    assert {reached.pop((*grid, "fine_tuning")) for grid in complete} == {limit}
    assert {reached.pop((*grid, "lr_rewinding")) for grid in complete} == {SMALL}
    assert set(reached.values()) == {None}


@pytest.mark.parametrize("options", [[], ["--value", "accuracy"], ["--budget", "single"], ["--network", "resnet20"]])
def test_export_and_its_figure(main, store, tmp_path, options):
    code, _, stderr = main("export", store, "--to", tmp_path, *options)
    assert (code, stderr) == (0, "")
    names = {f"{table}.{kind}" for table in ("results", "layers", "curves") for kind in ("parquet", "csv")}
    names |= {"statistics.csv"}
    names |= {f"accuracy_vs_compression.{kind}" for kind in ("png", "svg", "pdf")}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_status(store):
    shown = ps.status(store)
    [sweep] = shown.to_json()["sweeps"]
    assert "✘ diverged at step 3: the loss is nan at step 3" in str(shown)
    assert "resnet8 · too_fast" in str(shown)
    assert len(sweep["failures"]) == 3 + 3 * 6


@pytest.mark.parametrize(("network", "recipe"), GRIDS)
def test_each_grid_by_itself(store, rows, network, recipe):
    only = {"network": network, "recipe": recipe}
    in_every_format(table(rows, filters=only))
    in_every_format(ps.headline(store, filters=only))
    in_every_format(ps.compare(store, store, filters=only))
