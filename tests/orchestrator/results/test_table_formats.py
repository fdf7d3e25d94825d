"""How a table reads as text, CSV, JSON, HTML, Markdown and LaTeX."""

from __future__ import annotations

import csv
import io
import json

from orchestrator.results.frame import join
from orchestrator.results.table import table
from orchestrator.results.wording import compression_labels
from tests.support.records import cell, dense_cell, make_store, record_of


def test_text(two_budgets):
    assert str(table(two_budgets, value="delta")) == (
        "Change in test accuracy relative to the dense network, points\n"
        "median [min, max] of replicates; budget chosen on validation\n"
        "\n"
        "digits · resnet8 · default · magnitude · one_shot\n"
        "Dense network: 91.00 [90.00, 92.00] percent, n = 3; cells: n = 3\n"
        "\n"
        "technique     4×                          8×\n"
        "fine_tuning   -3.00 [-4.00, -2.00] 30ep   -6.00 [-6.00, -6.00] 10ep"
    )


def test_text_of_means(two_budgets):
    text = table(two_budgets, value="delta", budget="30ep", statistic="mean").to_text()
    assert "mean ± sample sd of replicates; budget 30ep" in text
    assert "fine_tuning   -3.00 ± 1.00   -5.00 ± 0.00" in text


def test_a_narrow_terminal_gets_one_block_after_the_other(two_budgets):
    wide, narrow = table(two_budgets).to_text(), table(two_budgets).to_text(width=45)
    blocks = [line for line in narrow.splitlines() if line.startswith("technique")]
    assert [block.split() for block in blocks] == [["technique", "4×"], ["technique", "8×"]]
    assert all(len(line) <= 45 for line in narrow.split("\n\n", 2)[2].splitlines())
    assert sum(line.startswith("technique") for line in wide.splitlines()) == 1


def test_csv_is_long_and_in_full_precision(two_budgets):
    shown = table(two_budgets, value="delta")
    rows = list(csv.DictReader(io.StringIO(shown.to_csv())))
    assert [row["technique"] for row in rows] == ["dense", "fine_tuning", "fine_tuning"]
    assert float(rows[1]["median"]) == shown.sections[0].cells["fine_tuning", 4.0].summary.median
    assert (rows[1]["compression"], rows[1]["budget"], rows[1]["unit"], rows[1]["n"]) == ("4.0", "30ep", "points", "3")
    assert (rows[0]["unit"], rows[0]["budget"]) == ("percent", "")


def test_json_and_frame_agree_with_csv(two_budgets):
    shown = table(two_budgets)
    loaded = json.loads(shown.to_json())
    assert (loaded["statistic"], loaded["budget"], loaded["unit"]) == ("median", "best", "percent")
    assert loaded["cells"] == shown.rows()
    assert loaded["notes"] == list(shown.printout.notes)
    assert list(shown.to_frame().columns) == shown.to_csv().splitlines()[0].split(",")


def hostile(path):
    """Names with everything that means something to a format, and a second technique to make one bold."""
    labels = {"dataset": "<script>|x", "recipe": r"50%_\{a}&$#^~", "network": "*n*[1](u)"}
    dense = dense_cell(**labels)
    cells = [cell(**labels), cell(**labels, technique="lr_rewinding")]
    accuracies = (0.9, 0.8, 0.85)
    records = [record_of(one, test_score=value) for one, value in zip([dense, *cells], accuracies, strict=True)]
    return table(join(make_store(path, [dense, *cells], records)).rows, value="delta")


def test_html_escapes_and_marks_the_best(tmp_path):
    text = hostile(tmp_path)._repr_html_()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "<td><strong>-5.00</strong></td>" in text
    assert '<th scope="row">lr_rewinding</th>' in text


def test_tables_of_pruned_filters_say_what_compression_counts(tmp_path):
    pruned = cell(pruning="magnitude(structure=filters, layers=resnet56_a)")
    dense = dense_cell()
    found = table(join(make_store(tmp_path, [dense, pruned], [record_of(dense), record_of(pruned)])).rows)
    assert "compression also counts the weights that a removed filter leaves without input" in found.to_text(80)


def test_markdown_escapes_and_marks_the_best(tmp_path):
    text = hostile(tmp_path).to_markdown()
    assert r"\<script\>\|x" in text
    assert r"\*n\*[1]\(u)" in text
    assert "| lr_rewinding | **-5.00** |" in text


def test_text_and_markdown_write_out_what_a_terminal_would_obey(tmp_path):
    names = {"network": "\x1b[31mred", "dataset": "\u202etxt.exe"}
    cells = [dense_cell(**names), cell(**names)]
    shown = table(join(make_store(tmp_path, cells, [record_of(values) for values in cells])).rows)
    for text in (shown.to_text(80), shown.to_markdown()):
        assert not {"\x1b", "\u202e"} & set(text)
        assert "x1b" in text
        assert "u202etxt.exe" in text


def test_latex_escapes_and_marks_the_best(tmp_path):
    text = hostile(tmp_path).to_latex()
    assert r"50\%\_\textbackslash{}\{a\}\&\$\#\textasciicircum{}\textasciitilde{}" in text
    assert r"LR rewinding & \textbf{$-$5.00} \\" in text
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1


def test_close_compressions_get_as_many_decimals_as_tell_them_apart():
    assert compression_labels([1.25, 9.3132, 32.0]) == ["1.25×", "9.31×", "32×"]
    assert compression_labels([1.0231, 1.0233, 2.0]) == ["1.0231×", "1.0233×", "2×"]
