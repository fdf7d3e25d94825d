from __future__ import annotations

import json
import subprocess
import sys

import pytest

from orchestrator.results.frame import join, to_frame
from orchestrator.results.table import table
from tests.support.records import cell, dense_cell, make_store, record_of, result_grid
from workers.errors import InputError


def only_section(rows, **options):
    [section] = table(rows, **options).sections
    return section


def test_the_budget_is_chosen_on_validation_and_reported_on_test(two_budgets):
    section = only_section(two_budgets, value="delta")
    four, eight = section.cells["fine_tuning", 4.0], section.cells["fine_tuning", 8.0]
    assert (four.budget, four.summary.median) == ("30ep", pytest.approx(-3.0))
    assert (four.summary.minimum, four.summary.maximum) == (pytest.approx(-4.0), pytest.approx(-2.0))
    assert (eight.budget, eight.summary.median) == ("10ep", pytest.approx(-6.0))  # a tie: the shortest
    assert four.values == pytest.approx((-2.0, -3.0, -4.0))


def test_one_budget_can_be_asked_for(two_budgets):
    shown = table(two_budgets, value="delta", budget="10ep")
    assert shown.budget == "10ep"
    assert shown.sections[0].cells["fine_tuning", 4.0].summary.median == pytest.approx(-1.0)


def test_accuracies_are_percent_and_splits_differ(two_budgets):
    test = only_section(two_budgets, budget="10ep").cells["fine_tuning", 4.0].summary
    validation = only_section(two_budgets, budget="10ep", split="validation").cells["fine_tuning", 4.0].summary
    assert (test.median, validation.median) == (pytest.approx(90.0), pytest.approx(88.0))


def test_the_dense_level_is_in_percent_whatever_is_shown(two_budgets):
    dense = only_section(two_budgets, value="delta", filters={"compression": 8}).dense
    assert (dense.n, dense.median, dense.minimum) == (3, pytest.approx(91.0), pytest.approx(90.0))


def test_a_cell_with_missing_replicates_shows_its_count(tmp_path):
    rows = result_grid(
        tmp_path,
        {("fine_tuning", 4.0, "10ep"): ([0.0] * 3, [0.0] * 3), ("lr_rewinding", 4.0, "10ep"): ([0.0] * 3, [0.0] * 3)},
        missing={("lr_rewinding", "10ep", 2)},
    )
    shown = table(rows)
    summary = shown.sections[0].cells["lr_rewinding", 4.0].summary
    assert (summary.n, summary.n_expected, summary.median) == (2, 3, None)
    assert "lr_rewinding     2/3" in shown.to_text()
    assert "2/3: replicates done of those expected" in shown.to_text()


def test_a_choice_among_some_budgets_is_marked_until_all_are_complete(tmp_path):
    groups = {("fine_tuning", 4.0, budget): ([0.01] * 3, [0.01] * 3) for budget in ("10ep", "30ep")}
    shown = table(result_grid(tmp_path, groups, missing={("fine_tuning", "30ep", 0)}))
    one = shown.sections[0].cells["fine_tuning", 4.0]
    assert (one.budget, one.provisional) == ("10ep", True)
    assert "10ep *" in shown.to_text()
    assert "* chosen among the budgets that are complete" in shown.to_text()


def test_while_no_budget_is_complete_the_fullest_is_counted(tmp_path):
    groups = {("fine_tuning", 4.0, budget): ([0.01] * 3, [0.01] * 3) for budget in ("10ep", "30ep")}
    missing = {("fine_tuning", "10ep", 0), ("fine_tuning", "10ep", 1), ("fine_tuning", "30ep", 0)}
    one = table(result_grid(tmp_path, groups, missing=missing)).sections[0].cells["fine_tuning", 4.0]
    assert (one.budget, one.summary.n, one.provisional) == ("30ep", 2, False)


def test_techniques_have_a_fixed_order_and_others_follow(tmp_path):
    names = ["new_one", "reinitialization", "lr_rewinding", "fine_tuning"]
    rows = result_grid(tmp_path, {(name, 4.0, "10ep"): ([0.01] * 3, [0.01] * 3) for name in names})
    assert only_section(rows).techniques == ("fine_tuning", "lr_rewinding", "reinitialization", "new_one")


def test_the_best_of_a_column_is_marked_and_ties_too(tmp_path):
    losses = {"fine_tuning": 0.02, "lr_rewinding": 0.01, "weight_rewinding": 0.01}
    rows = result_grid(tmp_path, {(name, 4.0, "10ep"): ([loss] * 3, [loss] * 3) for name, loss in losses.items()})
    cells = only_section(rows, value="delta").cells
    assert {name: cells[name, 4.0].best for name in losses} == {
        "fine_tuning": False,
        "lr_rewinding": True,
        "weight_rewinding": True,
    }


def shared_grid(path):
    """At 10 epochs lr_rewinding is fine_tuning and low_lr_weight_rewinding is weight_rewinding; at 30 they are not."""
    twins = {"lr_rewinding": "fine_tuning", "low_lr_weight_rewinding": "weight_rewinding"}
    cells, records = [dense_cell()], [record_of(dense_cell())]
    for technique in (*twins, *twins.values()):
        for budget, validation in (("10ep", 0.9), ("30ep", 0.8)):
            one = cell(technique=technique, budget=budget, budget_epochs=float(budget[:2]))
            if technique in twins and budget == "10ep":
                one["trial"] = cell(technique=twins[technique], budget=budget)["trial"]
            else:
                records.append(record_of(one, validation_score=validation))
            cells.append(one)
    return join(make_store(path, cells, records)).rows


def test_cells_of_the_same_run_carry_the_same_sign(tmp_path):
    rows = shared_grid(tmp_path)
    shown = table(rows)
    cells = shown.sections[0].cells
    assert {technique: one.sign for (technique, _), one in cells.items()} == {
        "fine_tuning": "†",
        "weight_rewinding": "‡",
        "lr_rewinding": "†",
        "low_lr_weight_rewinding": "‡",
    }
    assert cells["fine_tuning", 4.0].same_run_as == ("lr_rewinding 10ep",)
    assert "the same run as the other cell with this sign" in shown.to_text()
    assert not any(one.sign for one in table(rows, budget="30ep").sections[0].cells.values())


def test_rows_whose_parents_differ_in_bits_are_marked(tmp_path):
    dense, pruned = dense_cell(), cell()
    records = [record_of(dense, state_digest="aa"), record_of(pruned, start_digest="bb")]
    text = table(join(make_store(tmp_path, [dense, pruned], records)).rows).to_text()
    assert "90.00 !" in text
    assert "! a parent trial was trained twice" in text


def test_a_dense_network_alone_is_a_section_without_rows(tmp_path):
    rows = join(make_store(tmp_path, [dense_cell()], [record_of(dense_cell())])).rows
    shown = table(rows)
    assert "Dense network: 90.00 percent, n = 1" in shown.to_text()
    for text in (shown.to_markdown(), shown.to_latex(), shown.to_html(), shown.to_csv(), shown.to_json()):
        assert "dense" in text


def test_nothing_to_show_is_said(two_budgets):
    shown = table(two_budgets, filters={"network": "vgg"})
    assert "No cells" in shown.to_text()
    assert json.loads(shown.to_json())["cells"] == []


@pytest.mark.parametrize(
    ("filters", "compressions"),
    [
        ({"compression": 8}, (8.0,)),
        ({"compression": [4.01, 8]}, (4.0, 8.0)),  # as rounded in a table
        ({"budget": "10ep", "technique": "fine_tuning"}, (4.0, 8.0)),
        ("compression<=4", (4.0,)),
    ],
)
def test_filters(two_budgets, filters, compressions):
    assert only_section(two_budgets, filters=filters).compressions == compressions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": "20ep"}, "no cell has the budget `20ep`(?s:.*)best, longest, single, 10ep, 30ep"),
        ({"filters": {"ratio": 4}}, "unknown column: `ratio`"),
        ({"statistic": "mode"}, "`statistic` cannot be `mode`(?s:.*)median, mean"),
        ({"split": "train"}, "`split` cannot be `train`"),
        ({"value": "loss"}, "`value` cannot be `loss`"),
    ],
)
def test_impossible_choices_are_refused(two_budgets, options, message):
    with pytest.raises(InputError, match=message):
        table(two_budgets, **options)


def test_a_frame_gives_the_same_table_as_arrow(tmp_path):
    dense, pruned = dense_cell(), cell()
    store = make_store(tmp_path, [dense, pruned, cell(replicate=1)], [record_of(dense), record_of(pruned)])
    assert table(to_frame(join(store))).to_json() == table(join(store).rows).to_json()


def test_tables_import_no_torch_no_ray_and_no_plotting(two_budgets):
    program = (
        "import sys, orchestrator.results.table;"
        "print([name for name in ('torch', 'ray', 'matplotlib', 'scipy', 'pandas') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"


def test_a_network_of_several_arguments_can_be_picked(tmp_path):
    label = "cifar_resnet(depth=8, width=8)"
    cells = [dense_cell(network=label), cell(network=label), cell()]
    rows = join(make_store(tmp_path, cells, [])).rows
    assert only_section(rows, filters=f"network={label},schedule=one_shot").network == label


def test_intervals_of_paired_differences(tmp_path):
    rows = result_grid(
        tmp_path,
        {
            ("fine_tuning", 4.0, "10ep"): ([0.01, 0.02, 0.03], [0.01] * 3),
            ("lr_rewinding", 4.0, "10ep"): ([0.0] * 3, [0.0] * 3),
        },
        missing={("lr_rewinding", "10ep", 1)},
    )
    shown = table(rows, value="delta", statistic="ci")
    text = str(shown)
    assert "mean [95% confidence interval] of replicates" in text
    assert "-2.0 [-4.5, +0.5]" in text  # -2 ± 4.303 / √3, to two digits of that
    assert "2/3" in text
    assert "Dense network: 91.0 [88.5, 93.5] percent" in text
    dense, fine, rewound = shown.rows()
    assert (dense["ci_method"], dense["mean"]) == ("t", pytest.approx(91.0))
    assert (fine["ci_low"], fine["ci_high"]) == (pytest.approx(-4.484138), pytest.approx(0.484138))
    assert (rewound["mean"], rewound["ci_low"], rewound["ci_high"], rewound["ci_method"]) == (None,) * 4
    assert list(fine) == list(shown.columns)


def test_one_or_two_replicates_are_shown_themselves(tmp_path):
    rows = result_grid(tmp_path, {("fine_tuning", 4.0, "10ep"): ([0.01, 0.02, 0.03], [0.01] * 3)})
    shown = table(rows, value="delta", statistic="ci", filters={"replicate": [0, 1]})
    assert "-1.00, -2.00" in str(shown)
    assert shown.rows()[1]["ci_method"] == "points"
    assert shown.rows()[1]["ci_low"] is None
