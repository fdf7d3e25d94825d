"""The published study inside the package: the same numbers as its source, and the paper's own aggregation of them."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import orchestrator
import prunesweep as ps
from orchestrator.results.load import read
from orchestrator.results.reference import citation, published
from orchestrator.results.table import table
from tests.support.places import SHARED
from tests.support.records import cell, dense_cell, make_store, record_of
from workers.errors import InputError

STUDY = SHARED / "reference"
needs_source = pytest.mark.skipif(not STUDY.is_dir(), reason="the study's results (../shared/reference) are not here")


@pytest.fixture(scope="module")
def rows():
    return published()


def in_our_words(network, structure, schedule, technique):
    """Network, pruning, schedule and technique as our tables call them, of what either source file calls them."""
    structure = structure.lower().replace("-", "_")
    rule = f"magnitude(structure=filters, layers={network}_{structure[-1]})"
    renamed = "reinitialization" if technique == "reinit" else technique
    return network, "magnitude" if structure == "unstructured" else rule, schedule.replace("-", "_"), renamed


@needs_source
def test_every_pruned_network_is_the_sources(rows):
    expected = sorted(
        (
            *in_our_words(row["network"], row["structure"], row["schedule"], row["technique"]),
            *(row["density"], row["budget_epochs"], row["replicate"] - 1, row["test_metric"], row["val_metric"]),
            row["flops"] if row["flops"] == row["flops"] else None,
        )
        for row in pq.read_table(STUDY / "renda2020_results.parquet").to_pylist()
    )
    names = ("network", "pruning", "schedule", "technique", "density", "budget_epochs", "replicate")
    names += ("test_score", "validation_score", "sparse_paper_flops")
    ours = sorted(tuple(row[name] for name in names) for row in rows.to_pylist() if row["technique"] != "dense")
    assert len(ours) == 22_590
    assert ours == expected


@needs_source
def test_every_dense_network_is_the_sources(rows):
    expected = [
        (row["network"].removesuffix("_nofc"), row["test_metric"], row["val_metric"])
        for row in pq.read_table(STUDY / "renda2020_dense.parquet").to_pylist()
    ]
    ours = [
        (row["network"], row["test_score"], row["validation_score"])
        for row in rows.to_pylist()
        if row["technique"] == "dense"
    ]
    assert len(ours) == 1180
    assert sorted(ours) == sorted(expected)


@needs_source
def test_the_table_is_the_papers_aggregation_in_all_753_cells(rows):
    """Median, minimum and maximum of the change in points (BLEU for gnmt), and the budget: chosen on validation, the
    longest, and fixed. The published file has four decimals.
    """
    cells = {
        kind: {
            (section.network, section.pruning, section.schedule, one.technique, round(1 / one.compression, 4)): one
            for section in table(rows, value="delta", budget=budget).sections
            for one in section.cells.values()
        }
        for kind, budget in (("best", "best"), ("full", "longest"), ("single", "single"))
    }
    with open(STUDY / "renda2020_medians.csv", newline="") as file:
        expected = list(csv.DictReader(file))
    assert len(expected) == len(cells["best"]) == 753
    for row in expected:
        words = in_our_words(row["network"], row["prune_method"], row["schedule"], row["technique"])
        place = (*words, round(float(row["density"]), 4))
        for kind, budget in (("best", "best_by_val_t"), ("full", "full_t"), ("single", "single_t")):
            one = cells[kind][place]
            assert one.budget == f"{float(row[budget]):g}ep", place
            assert one.summary.n == int(row["trials"])
            for name, ours in (
                ("median", one.summary.median),
                ("min", one.summary.minimum),
                ("max", one.summary.maximum),
            ):
                assert round(ours, 4) == pytest.approx(float(row[f"{kind}_{name}_delta"]), abs=1e-9), (place, kind)


def test_known_cells_of_the_paper(rows):
    """Figures of paper-spec.md, section 1.7, that need no other file."""
    shown = table(rows, value="delta", filters="network=resnet56,schedule=iterative")
    [section] = shown.sections
    one = next(one for (name, at), one in section.cells.items() if name == "lr_rewinding" and 9.3 < at < 9.32)
    assert (one.budget, one.summary.n) == ("182ep", 3)
    assert (one.summary.median, one.summary.minimum, one.summary.maximum) == pytest.approx((0.1125, 0.075, 0.2125))
    assert (section.dense.n, section.dense.median) == (246, pytest.approx(93.45))


def test_bleu_is_not_a_fraction(rows):
    [one_shot, iterative] = table(rows, filters="network=gnmt").sections
    assert one_shot.dense.median == iterative.dense.median == pytest.approx(26.82)
    shown = table(rows, value="delta", filters="network=gnmt,schedule=iterative")
    text = shown.to_text()
    assert text.startswith("Change in test BLEU relative to the dense network\n")
    assert "Dense network: 26.82 [26.54, 27.31] BLEU, n = 10" in text
    assert {row["unit"] for row in shown.rows()} == {"BLEU"}


def test_percent_and_bleu_in_one_table_are_told_apart(rows):
    shown = table(rows, filters="network=gnmt|resnet20,schedule=iterative")
    assert {row["network"]: row["unit"] for row in shown.rows()} == {"resnet20": "percent", "gnmt": "BLEU"}


def test_costs_are_those_of_all_rounds(rows):
    one_row = {
        (row["technique"], row["schedule"]): row["search_cost_epochs"]
        for row in rows.to_pylist()
        if row["network"] == "resnet20" and row["budget_epochs"] == 90 and row["round"] in (1, 3)
    }
    assert one_row["lr_rewinding", "iterative"] == 270
    assert one_row["lr_rewinding", "one_shot"] == 90
    assert one_row["reinitialization", "one_shot"] == 272


def test_the_file_is_small_and_names_its_source():
    file = Path(orchestrator.__path__[0]) / "reference" / "renda2020.parquet"
    assert file.stat().st_size < 200_000
    assert str(citation()) == (
        "Renda, Frankle, Carbin: Comparing Rewinding and Fine-tuning in Neural Network Pruning, ICLR 2020, "
        "https://arxiv.org/abs/2003.02389"
    )
    assert "lottery-ticket/rewinding-iclr20-public" in citation().data


def test_the_python_api_takes_the_name_for_a_store(tmp_path):
    frame = ps.frame("renda2020")
    assert len(frame) == 23_770
    few = frame[(frame["network"] == "resnet20") & (frame["technique"] == "lr_rewinding")]
    [one_shot, iterative] = ps.table(few, value="delta").sections
    assert (len(one_shot.cells), len(iterative.cells)) == (10, 10)
    assert one_shot.dense.median == pytest.approx(91.725)  # its dense networks were left out; the level is in the rows
    ps.export(few, tmp_path / "few.parquet")


def test_the_study_is_drawn(rows):
    figure = ps.figure(rows, value="delta", filters="network=gnmt|resnet20,schedule=iterative")
    axes = [one for one in figure.axes if one.get_visible()]
    assert [one.get_ylabel() for one in axes] == ["change in test accuracy,\npoints", "change in test BLEU"]


def test_the_study_is_exported(main, tmp_path):
    arguments = ["export", "renda2020", "--network", "resnet34", "--schedule", "one_shot", "--to", tmp_path / "out"]
    code, stdout, stderr = main(*arguments)
    assert (code, stderr) == (0, "")
    suffixes = [".parquet", ".csv", ".csv", ".png", ".svg", ".pdf"]
    assert [Path(line).suffix for line in stdout.splitlines()] == suffixes
    written = pq.read_table(tmp_path / "out" / "results.parquet")
    assert written.num_rows == 1500
    assert b"2003.02389" in written.schema.metadata[b"paper"]  # what is passed on says where it came from


def test_a_folder_of_that_name_is_reached_by_its_path(main, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_store("renda2020", [dense_cell(), cell()], [record_of(dense_cell()), record_of(cell())])
    assert read("./renda2020").rows.num_rows == 2
    assert read("renda2020").rows.num_rows == 23_770
    code, stdout, stderr = main("table", "renda2020", "--network", "vgg16")
    assert code == 0
    assert "n = 246" in stdout
    assert "note: `renda2020` is the published study; the store in this folder is `./renda2020`" in stderr


def test_the_study_has_no_sweeps():
    with pytest.raises(InputError, match=r"`renda2020` has no sweeps(?s:.*)--network"):
        read("renda2020", ["digits"])


def test_reading_the_study_imports_nothing_heavy():
    program = (
        "import atexit, sys; from orchestrator.cli import main;"
        "heavy = {'torch', 'ray', 'pandas', 'matplotlib', 'pyarrow.compute'};"
        "atexit.register(lambda: print('imported:', *sorted(heavy & set(sys.modules))));"
        "sys.argv = ['prunesweep', 'table', 'renda2020', '--network', 'resnet20']; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "imported:"
