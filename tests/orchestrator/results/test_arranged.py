"""Rows and columns of printed tables."""

from __future__ import annotations

import json

import pytest

from orchestrator.results.arrangement import Layout
from orchestrator.results.frame import join
from orchestrator.results.table import table
from tests.support.records import cell, dense_cell, make_store, record_of
from workers.errors import InputError

ACCURACIES = {
    ("resnet8", "fine_tuning", 4.0, "50%"): 0.80,
    ("resnet8", "fine_tuning", 8.0, "50%"): 0.70,
    ("resnet8", "lr_rewinding", 4.0, "50%"): 0.85,
    ("resnet8", "fine_tuning", 4.0, "100%"): 0.82,
    ("mlp", "fine_tuning", 4.0, "50%"): 0.60,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    cells = [dense_cell(network=network, dense_trial=f"dense_{network}") for network in ("resnet8", "mlp")]
    records = [record_of(one, test_score=0.9) for one in cells]
    for (network, technique, compression, budget), accuracy in ACCURACIES.items():
        one = cell(
            network=network,
            technique=technique,
            compression=compression,
            budget=budget,
            budget_epochs=float(budget.removesuffix("%")),
            dense_trial=f"dense_{network}",
            trial=f"{network}_{technique}_{compression}_{budget}",
        )
        cells.append(one)
        records.append(record_of(one, test_score=accuracy, validation_score=accuracy))
    return make_store(tmp_path_factory.mktemp("arranged") / "store", cells, records)


@pytest.fixture(scope="module")
def rows(store):
    return join(store).rows


def grids(results, **options):
    """The sheets as (title, header, lines of texts)."""
    sheets = table(results, **options).printout.sheets
    return [(sheet.title, list(sheet.header), [texts(line) for line in sheet.lines]) for sheet in sheets]


def texts(line):
    return [cell if isinstance(cell, str) else cell.value for cell in line]


def test_techniques_by_compressions_are_the_usual_table(rows):
    (resnet, header, lines), (mlp, *_) = grids(rows, budget="50%")
    assert resnet == "digits · resnet8 · default · magnitude · one_shot"
    assert mlp == "digits · mlp · default · magnitude · one_shot"
    assert header == ["technique", "4×", "8×"]
    assert lines == [["fine_tuning", "80.00", "70.00"], ["lr_rewinding", "85.00", "–"]]


def test_compressions_by_techniques(rows):
    [(_, header, lines), _] = grids(rows, budget="50%", columns="technique")
    assert header == ["compression", "fine_tuning", "lr_rewinding"]
    assert lines == [["4×", "80.00", "85.00"], ["8×", "70.00", "–"]]
    assert grids(rows, budget="50%", rows="compression") == grids(rows, budget="50%", columns="technique")


def test_all_budgets_are_rows_in_order_of_length(rows):
    [(_, header, lines), _] = grids(rows, rows=["technique", "budget"])
    assert header == ["technique", "budget", "4×", "8×"]
    assert lines == [
        ["fine_tuning", "50%", "80.00", "70.00"],
        ["fine_tuning", "100%", "82.00", "–"],
        ["lr_rewinding", "50%", "85.00", "–"],
    ]


@pytest.mark.parametrize("columns", ["technique,budget", ("technique", "budget")])
def test_columns_may_be_of_several_dimensions(rows, columns):
    [(_, header, lines), (_, small, _)] = grids(rows, columns=columns)
    assert header == ["compression", "fine_tuning · 50%", "fine_tuning · 100%", "lr_rewinding · 50%"]
    assert lines == [["4×", "80.00", "82.00", "85.00"], ["8×", "70.00", "–", "–"]]
    assert small == ["compression", "fine_tuning · 50%"]


def test_networks_in_one_table_and_a_sheet_for_each_technique(rows):
    [fine, rewound] = grids(rows, rows="network", budget="50%")
    assert fine[0] == "digits · default · magnitude · one_shot · fine_tuning"
    assert fine[1:] == (["network", "4×", "8×"], [["resnet8", "80.00", "70.00"], ["mlp", "60.00", "–"]])
    assert rewound[2] == [["resnet8", "85.00"]]
    captions = table(rows, rows="network", budget="50%").printout.sheets[0].captions
    assert [caption.split(":")[0] for caption in captions] == ["resnet8", "mlp"]


def test_data_have_every_budget_and_each_dense_network_once(rows):
    shown = table(rows, rows="technique,budget")
    cells = json.loads(shown.to_json())["cells"]
    assert [(row["network"], row["technique"], row["budget"]) for row in cells if row["technique"] == "dense"] == [
        ("resnet8", "dense", None),
        ("mlp", "dense", None),
    ]
    assert len(cells) == 2 + len(ACCURACIES)


def test_mistakes_are_named(rows):
    for options, message in (
        ({"rows": "techniqe"}, "cannot be rows or columns of a table: techniqe"),
        ({"rows": "compression", "columns": "compression"}, "cannot be both rows and columns"),
        ({"rows": "budget", "budget": "best"}, "cannot show all budgets and only `best`"),
        ({"statistic": "ci", "baseline": "lr_rewindin"}, "no cell has the baseline `lr_rewindin`"),
    ):
        with pytest.raises(InputError, match=message):
            table(rows, **options)
    with pytest.raises(InputError, match="has a name twice"):
        Layout.of("network,network", None)
    with pytest.raises(InputError, match="`columns` has a name twice: budget,budget"):
        Layout.of(None, "budget,budget")


def test_compact_tables_have_only_numbers(rows):
    text = table(rows, value="delta").to_text(compact=True)
    assert "median of replicates; budget chosen on validation" in text
    assert "fine_tuning    -8.00   -20.00" in text


def test_the_command_writes_files_by_their_suffix(main, store, tmp_path):
    for suffix, beginning in {
        ".txt": "Test accuracy",
        ".md": "**Test",
        ".csv": "dataset,",
        ".tex": "% needs",
        ".html": '<!doctype html>\n<meta charset="utf-8">',
        ".json": "{",
        ".xlsx": "PK",
    }.items():
        path = tmp_path / f"table{suffix}"
        code, stdout, stderr = main("table", store.location, "--where", "compression<5", "-o", path)
        assert (code, stdout, stderr) == (0, f"{path}\n", "")
        assert path.read_bytes().decode("utf-8", "replace").startswith(beginning)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-f", "xlsx"], "a workbook cannot be printed"),
        (["-o", "table.doc"], "cannot tell the format of `table.doc`"),
        (["--label", "tab:x"], "`--label` needs the format `latex`: text"),
        (["-o", "."], "the file to write cannot be a folder: ."),
        (["--json", "-o", "table.xlsx"], "the name of file `table.xlsx` does not fit its format: json"),
        (["--format", "csv", "-o", "table.json"], "the name of file `table.json` does not fit its format: csv"),
        (["--baseline", "fine_tuning"], "`--baseline` does not change this statistic: median"),
        (["--json", "--compact"], "`--compact` does not change this format: json"),
        (["--rows", "nothing"], "cannot be rows or columns of a table: nothing"),
        (["--columns", "technique,nothing"], "cannot be rows or columns of a table: nothing"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_read(main, options, message):
    code, stdout, stderr = main("table", "/nowhere/at/all", *options)
    assert (code, stdout) == (2, "")
    assert message in stderr
