from __future__ import annotations

import csv
import io
import json

import pytest

import prunesweep as ps
from orchestrator.results.frame import join
from orchestrator.results.headline import headline
from orchestrator.results.reference import published
from orchestrator.results.table import table
from tests.support.records import cell, dense_cell, make_store, record_of
from workers.errors import InputError

TECHNIQUES = ("fine_tuning", "weight_rewinding", "lr_rewinding", "low_lr_weight_rewinding", "reinitialization")

# paper-spec.md, section 1.7: the largest compression with a median change of at least 0, `best / single` each;
# None where none is, ... where the spec gives no figure.
NONE, NEITHER = (None, ...), (None, None)
PUBLISHED = {
    ("resnet20", "magnitude", "iterative", 9.31): ((1.25, 1.56), (3.81, 3.81), (4.77, 5.96), NONE, "n/a"),
    ("resnet20", "magnitude", "one_shot", 9.31): ((1.25, None), (3.05, 1.95), (1.56, 1.95), NONE, NONE),
    ("resnet56", "magnitude", "iterative", 44.4): ((1.95, 2.44), (7.45, 7.45), (9.31, 9.31), (1.56, ...), "n/a"),
    ("resnet56", "magnitude", "one_shot", 9.31): ((2.44, 2.44), (3.81, 3.81), (3.81, 3.05), (1.25, ...), (None, 1.25)),
    ("resnet110", "magnitude", "iterative", 9.31): ((3.05, 1.56), (9.31, 9.31), (9.31, 9.31), (1.95, ...), "n/a"),
    ("resnet110", "magnitude", "one_shot", 9.31): ((3.81, 3.81), (3.81, 4.77), (3.05, 3.05), (2.44, ...), (1.56, ...)),
    ("resnet50", "magnitude", "iterative", 9.31): ((None, 1.25), (3.81, 4.77), (5.96, 5.96), "n/a", "n/a"),
    ("resnet50", "magnitude", "one_shot", 9.31): ((1.95, 1.56), (1.95, 3.05), (1.95, 2.44), (1.25, ...), NONE),
    ("gnmt", "magnitude", "iterative", 263): ((3.81, 3.81), (4.77, 5.96), (5.96, 5.96), (2.44, ...), "n/a"),
    ("gnmt", "magnitude", "one_shot", 263): ((2.44, 2.44), (3.05, 2.44), (3.81, 3.81), (2.44, ...), NONE),
    ("resnet56", "resnet56_a", "one_shot", 1.51): (NEITHER, (1.09, 1.09), (1.51, 1.51), NONE, (1.09, ...)),
    ("resnet56", "resnet56_b", "one_shot", 1.70): (NEITHER, NEITHER, (1.15, None), NONE, NONE),
    ("resnet110", "resnet110_a", "one_shot", 1.05): ((1.03, 1.02), (1.03, 1.03), (1.03, 1.04), NONE, (1.03, ...)),
    ("resnet110", "resnet110_b", "one_shot", 5.46): (NEITHER, NEITHER, (1.45, 1.45), NONE, NONE),
    ("resnet34", "resnet34_a", "one_shot", 1.26): (NEITHER, NEITHER, (1.08, None), NONE, NONE),
    ("resnet34", "resnet34_b", "one_shot", 1.30): (NEITHER, NEITHER, NEITHER, NONE, NONE),
}  # fmt: skip


@pytest.fixture(scope="module")
def study():
    return published()


def rule_of(pruning):
    """`magnitude`, or the rule of a pruning of filters."""
    return pruning.partition("layers=")[2].rstrip(")") or pruning


def nearest(compressions, figure):
    """The compression of a grid that the spec means by its two decimals."""
    return min(compressions, key=lambda compression: abs(compression - figure))


def test_the_study_gives_the_papers_headline(study):
    found = {
        (row["network"], rule_of(row["pruning"]), row["schedule"], row["technique"]): row
        for row in headline(study).rows()
    }
    grids = {
        (section.network, rule_of(section.pruning), section.schedule): section.compressions
        for section in table(study).sections
    }
    checked = 0
    for (network, rule, schedule, largest), techniques in PUBLISHED.items():
        for technique, figures in zip(TECHNIQUES, techniques, strict=True):
            place = (network, rule, schedule, technique)
            assert (place in found) == (figures != "n/a"), place
            if figures == "n/a":
                continue
            row = found.pop(place)
            assert row["largest_in_grid"] == pytest.approx(largest, rel=5e-3)
            for name, figure in zip(("best", "single"), figures, strict=True):
                if figure is not ...:
                    expected = None if figure is None else nearest(grids[place[:3]], figure)
                    assert row[f"{name}_compression"] == expected, (place, name)
                    checked += 1
    assert not found
    assert checked > 120


def test_a_quarter_of_a_point_moves_a_figure_by_a_step(study):
    """The noise warning of paper-spec.md, section 1.7."""
    rows = headline(study, tolerance=0.25, filters="network=resnet56,schedule=iterative").rows()
    reach = {row["technique"]: row["best_compression"] for row in rows}
    assert reach["weight_rewinding"] == pytest.approx(11.64, abs=0.01)
    assert reach["lr_rewinding"] == pytest.approx(9.31, abs=0.01)


def grid(path, losses, *, missing=(), budgets=("50%", "90%", "100%")):
    """Four dense epochs; `losses` maps (technique, compression) to points lost by all three replicates."""
    cells = [dense_cell(replicate=replicate, dense_step=40) for replicate in range(3)]
    records = [record_of(one, test_score=0.9, epochs=4.0) for one in cells]
    for (technique, compression), points in losses.items():
        for budget in budgets:
            for replicate in range(3):
                share = float(budget.rstrip("%")) / 100
                one = cell(
                    technique=technique,
                    compression=compression,
                    budget=budget,
                    budget_epochs=4 * share,
                    replicate=replicate,
                )
                cells.append(one)
                if (technique, compression) not in missing:
                    spread = 0.001 * (replicate - 1)
                    accuracies = {"test_score": 0.9 - points / 100 + spread, "validation_score": share}
                    records.append(record_of(one, **accuracies))
    return join(make_store(path, cells, records)).rows


def reach(rows, technique="fine_tuning", **options):
    [row] = [row for row in headline(rows, **options).rows() if row["technique"] == technique]
    return row["best_compression"], row["single_compression"]


def test_the_largest_compression_counts_even_past_a_dip(tmp_path):
    rows = grid(
        tmp_path, {("fine_tuning", at): loss for at, loss in ((2.0, 0.0), (4.0, 0.5), (8.0, -0.1), (16.0, 2.0))}
    )
    assert reach(rows) == (8.0, 8.0)


def test_exactly_the_tolerance_is_within_it(tmp_path):
    rows = grid(tmp_path, {("fine_tuning", 2.0): 0.0, ("fine_tuning", 4.0): 0.5, ("fine_tuning", 8.0): 0.51})
    assert reach(rows) == (2.0, 2.0)
    assert reach(rows, tolerance=0.5) == (4.0, 4.0)
    assert reach(rows, tolerance=10.0) == (8.0, 8.0)


def test_a_fixed_budget_is_the_longest_that_may_be_rewound(tmp_path):
    rows = grid(tmp_path, {(technique, 2.0): 0.0 for technique in ("fine_tuning", "weight_rewinding")})
    budgets = {row["technique"]: (row["best_budget"], row["single_budget"]) for row in headline(rows).rows()}
    assert budgets == {"fine_tuning": ("100%", "100%"), "weight_rewinding": ("100%", "90%")}


def test_where_rewinding_has_only_the_very_start_there_is_no_fixed_figure(tmp_path):
    losses = {(technique, 2.0): 0.0 for technique in ("fine_tuning", "weight_rewinding")}
    rows = grid(tmp_path, losses, budgets=("100%",))
    assert reach(rows, "weight_rewinding") == (2.0, None)
    assert "2 / –" in headline(rows).to_text()


def test_cells_with_missing_replicates_are_left_out_and_counted(tmp_path):
    losses = {("fine_tuning", 2.0): 0.0, ("fine_tuning", 4.0): 0.0}
    rows = grid(tmp_path, losses, missing={("fine_tuning", 4.0)})
    assert reach(rows) == (2.0, 2.0)
    assert "Left out because replicates are missing: 1 cell" in headline(rows).to_text()


def test_the_noise_is_that_of_the_replicates(tmp_path):
    rows = grid(tmp_path, {("fine_tuning", 2.0): 0.0, ("fine_tuning", 4.0): 1.0})
    assert headline(rows).rows()[0]["spread"] == pytest.approx(0.2)
    assert "a difference of one step of the grid is normal" in headline(rows).to_text()


@pytest.mark.parametrize("tolerance", [-0.1, float("nan"), float("inf")])
def test_impossible_tolerances_are_refused(tmp_path, tolerance):
    with pytest.raises(InputError, match=r"the tolerance must be 0 or more"):
        headline(grid(tmp_path, {("fine_tuning", 2.0): 0.0}), tolerance=tolerance)


def test_without_a_pruned_network_there_is_no_headline(tmp_path):
    rows = join(make_store(tmp_path, [dense_cell()], [record_of(dense_cell())])).rows
    with pytest.raises(InputError, match="no pruned network"):
        headline(rows)


def test_every_format_shows_the_figures(study):
    found = headline(study, filters="network=resnet50")
    shown = {name: getattr(found, f"to_{name}")() for name in ("text", "markdown", "csv", "latex", "json")}
    for format_ in ("text", "markdown", "latex"):
        assert "3.81 / 4.77" in shown[format_]
        assert "n/a" in shown[format_]
    assert "resnet50 · iterative [9.31×]" in shown["text"]
    rows = list(csv.DictReader(io.StringIO(shown["csv"])))
    loaded = json.loads(shown["json"])
    assert loaded["tolerance"] == 0
    assert [row["technique"] for row in loaded["cells"]] == [row["technique"] for row in rows]


def test_where_no_technique_matches_larger_tolerances_are_named(study):
    report = headline(study, filters="network=resnet34")
    remark = (
        "no technique matches; within 0.5 points: lr_rewinding 1.12 / 1.12; within 1 point: weight_rewinding "
        "1.12 / 1.12, lr_rewinding 1.12 / 1.12, reinitialization 1.12 / 1.12"
    )
    for format_ in ("text", "html", "json"):
        shown = getattr(report, f"to_{format_}")()
        assert remark in shown
        assert shown.count("no technique matches") == 1
    for format_ in ("markdown", "latex"):
        assert getattr(report, f"to_{format_}")().count("no technique matches") == 1
    rows = [row for row in report.rows() if "resnet34_b" in row["pruning"]]
    within = {row["technique"]: row["best_compression_within_0.5"] for row in rows}
    assert within.pop("lr_rewinding") == pytest.approx(1.12, abs=0.005)
    assert set(within.values()) == {None}
    assert sum(row["single_compression_within_1"] is not None for row in rows) == 3
    for tolerance in (0.5, 1.0):
        wider = headline(study, tolerance=tolerance, filters="network=resnet34")
        [row] = [row for row in wider.rows() if "resnet34_b" in row["pruning"] and row["technique"] == "lr_rewinding"]
        assert row["best_compression"] == pytest.approx(1.12, abs=0.005)
        assert "no technique matches" not in wider.to_text()
        assert row["best_compression_within_0.5"] is None


def test_the_command_and_the_python_api_give_the_same(main):
    arguments = ["headline", "renda2020", "--network", "gnmt", "--tolerance", "0.5", "--json"]
    code, stdout, stderr = main(*arguments)
    assert (code, stderr) == (0, "")
    found = ps.headline("renda2020", tolerance=0.5, filters={"network": "gnmt"})
    assert json.loads(stdout)["cells"] == found.rows()
    assert {row["unit"] for row in found.rows()} == {"BLEU"}


def test_a_compact_one_explains_only_what_it_shows(study):
    shown = headline(study, filters="network=resnet50")
    for compact, explained in ((False, True), (True, False)):
        text = shown.to_text(compact=compact)
        assert ("spread:" in text, "--tolerance" in text) == (explained, explained)
        assert "n/a: not in the grid" in text


def test_html_has_a_caption_and_names_each_line(study):
    text = headline(study, filters="network=resnet50").to_html()
    assert "<caption>Largest compression at which" in text
    assert '<th scope="row">resnet50 · iterative [9.31×]</th>' in text
    assert "<td>3.81 / 4.77</td>" in text


def test_a_grid_of_single_replicates_has_no_spread_and_others_have(tmp_path):
    cells, records = [], []
    for network, replicates in (("resnet8", 1), ("resnet20", 2)):
        for replicate in range(replicates):
            trial = f"dense_{network}_{replicate}"
            dense = dense_cell(network=network, replicate=replicate, dense_trial=trial)
            pruned = cell(network=network, replicate=replicate, dense_trial=trial, trial=f"{network}_{replicate}")
            cells += [dense, pruned]
            records += [record_of(dense), record_of(pruned, test_score=0.9 + 0.01 * replicate)]
    text = headline(join(make_store(tmp_path, cells, records)).rows).to_text()
    assert [line.split()[-1] for line in text.splitlines() if "[4×]" in line] == ["–", "1.00"]
