"""Tables as LaTeX: names as people write them, and every table compiles and fits its page."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace

import pytest

import prunesweep as ps
from orchestrator.results.figures.looks import LOOKS
from orchestrator.results.frame import join
from orchestrator.results.load import read
from orchestrator.results.printing.latex import to_latex
from orchestrator.results.printing.latex_pages import flushed
from orchestrator.results.printing.names import heading, place, written
from orchestrator.results.printing.sheets import Number, Printout, Sheet
from orchestrator.results.table import table
from orchestrator.results.wording import best_rule
from tests.support.records import cell, dense_cell, make_store, record_of

DOCUMENT = r"""
\documentclass[10pt,a4paper,%s]{article}
\usepackage{booktabs}
\setlength{\textheight}{550pt} %% of a letter page
\begin{document}
%s
\end{document}
"""
HOSTILE = "<script>&%$#_{}~^\\[*|`\"' é ß 漢 ‮ \x1b[31m −×±·…†‡§¶"


def sheet(*lines, header=("technique", "4×"), **options):
    return Sheet(title="cifar10 · resnet20 · default", captions=["n = 3"], header=header, lines=lines, **options)


def printout(*sheets, notes=()):
    return Printout(heading="Change, points", protocol=["median [min, max]"], sheets=sheets, notes=notes)


def test_names_are_as_people_write_them():
    assert written("lr_rewinding of resnet20 on cifar10, one_shot") == "LR rewinding of ResNet-20 on CIFAR-10, one-shot"
    assert written("my_lr_rewinding resnet20b resnet8(width=8)") == "my_lr_rewinding resnet20b ResNet-8(width=8)"
    assert heading("fine_tuning") == "Fine-tuning"
    assert heading("low_lr_weight_rewinding") == "Low-LR weight rewinding"
    assert heading("my_technique") == "my_technique"
    assert place("cifar10 · vgg16 · default · magnitude · iterative") == "CIFAR-10, VGG-16, magnitude, iterative"


def test_names_are_those_of_figures():
    assert {name: written(name) for name in LOOKS} == {name: look.name for name, look in LOOKS.items()}


def test_a_table_has_a_caption_a_label_and_rules():
    text = to_latex(
        printout(sheet(["lr_rewinding", Number("-0.94", "[-1.88, -0.63]", "90%", "†", best=True)])), label="tab:one"
    )
    assert text.splitlines()[2:9] == [
        r"\begin{table}",
        r"\centering",
        r"\caption{Change, points (median [min, max]). CIFAR-10, ResNet-20. N = 3.}",
        r"\label{tab:one}",
        r"\par\smallskip\footnotesize",
        r"\setlength{\tabcolsep}{3pt}",
        r"\begin{tabular}{@{}lr@{}}",
    ]
    assert r"LR rewinding & \textbf{$-$0.94} {\scriptsize [$-$1.88, $-$0.63]} 90\% \dag{} \\" in text


def test_a_caption_of_ones_own_is_latex_and_several_sheets_have_numbered_labels():
    text = to_latex(printout(sheet(["a", "1"]), sheet(["a", "2"])), label="tab:x", caption=r"As in \cite{renda}.")
    assert text.count(r"\caption{As in \cite{renda}.}") == 2
    assert re.findall(r"\\label\{(.*)\}", text) == ["tab:x-1", "tab:x-2"]


def test_a_caption_says_what_bold_means_where_a_number_is_bold():
    best = sheet(["lr_rewinding", Number("-0.94", best=True)])
    text = to_latex(replace(printout(best, sheet(["lr_rewinding", "-0.94"])), bold=best_rule([], "median")))
    assert re.findall(r"N = 3\.(.*)\}", text) == [" Bold: the highest median at a compression.", ""]


@pytest.mark.parametrize(
    ("options", "meaning"),
    [
        ({"statistic": "mean"}, "the highest mean at a compression"),
        ({"rows": "technique,budget"}, "the highest median at a compression and a budget"),
        (
            {"statistic": "ci"},
            "the highest mean at a compression, and each one whose difference from it has an interval that includes 0",
        ),
    ],
)
def test_what_bold_means_follows_from_the_statistic_and_the_rows(hostile, options, meaning):
    assert table(hostile, **options).printout.bold == meaning


def test_columns_that_do_not_fit_continue_below():
    header = ["technique", *(f"{number}×" for number in range(10))]
    text = to_latex(printout(sheet(["low_lr_weight_rewinding", *["-0.94"] * 10], header=header)), compact=True)
    blocks = re.findall(r"\\begin\{tabular\}\{@\{\}(\w+)@\{\}\}", text)
    assert blocks == ["lrrr", "lrrr", "lrrr", "lr"]
    assert text.count("Low-LR weight rewinding & ") == 4
    assert r"\begin{table*}" not in text


def test_a_table_higher_than_a_page_continues_on_the_next_under_its_header():
    lines = [[f"t{number}", "-0.94"] for number in range(90)]
    text = to_latex(printout(sheet(*lines), notes=["the end"]), label="tab:long")
    first, second, *rest = text.split(r"\begin{table}")[1:]
    assert rest == []
    assert text.count(r"\caption{") == text.count(r"\label{") == 1
    assert r"\caption{" in first
    assert r"\tablename~\thetable{} (continued)" in second
    assert first.count("technique & ") == second.count("technique & ") == 1
    assert [int(number) for number in re.findall(r"^t(\d+) &", text, re.MULTILINE)] == list(range(90))
    assert 40 <= len(re.findall(r"^t\d", first, re.MULTILINE)) <= 55
    assert "the end" in second
    assert "the end" not in first


@pytest.mark.parametrize(
    ("environments", "groups"),
    [([1] * 12, [12]), ([1] * 30, [12, 12, 6]), ([10, 3, 2], [10, 5]), ([30, 1], [12, 12, 7]), ([11, 14], [11, 12, 2])],
)
def test_latex_never_holds_more_tables_than_it_can(environments, groups):
    parts = list(flushed([[f"{table}"] * count for table, count in enumerate(environments)]))
    assert [len(group.split()) for group in " ".join(parts).split(r"\clearpage")] == groups
    assert [part for part in parts if part != r"\clearpage"] == [
        f"{table}" for table, count in enumerate(environments) for _ in range(count)
    ]


def test_a_wide_table_takes_the_whole_page():
    header = ["technique", *(f"{number}×" for number in range(4))]
    cells = [Number("-0.94", "[-1.88, -0.63]") for _ in range(4)]
    assert r"\begin{table*}" in to_latex(printout(sheet(["lr_rewinding", *cells], header=header)))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A store in which the user chose every name badly."""
    names = {"dataset": HOSTILE, "network": f"[{HOSTILE}", "recipe": f"*{HOSTILE}", "pruning": HOSTILE}
    dense = dense_cell(**{name: value for name, value in names.items() if name != "pruning"})
    pruned = cell(technique=HOSTILE, budget=HOSTILE, **names)
    store = make_store(
        tmp_path_factory.mktemp("hostile") / "store", [dense, pruned], [record_of(dense), record_of(pruned)]
    )
    return join(store).rows


@pytest.fixture(scope="module")
def study():
    return read("renda2020").rows


@pytest.fixture(scope="module")
def reports(study, hostile):
    small = {"network": "resnet20", "schedule": "one_shot", "compression": [1.25, 2.44, 9.31]}
    return [
        table(study, value="delta", filters=small),
        table(study, value="delta", statistic="ci", rows="network,compression", columns="technique", filters=small),
        table(study, rows="technique,budget", filters={"network": "resnet56", "schedule": "one_shot"}),
        table(hostile, value="delta"),
        ps.headline(study),
        ps.compare(study, study, filters=small),
    ]


@pytest.fixture(scope="module")
def tex():
    """With the package that tables need, which a minimal TeX lacks."""
    found = shutil.which("pdflatex") is not None and shutil.which("kpsewhich") is not None
    if not found or subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no TeX with booktabs is installed (texlive-latex-recommended has both)")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("columns", "compact"), [("twocolumn", True), ("onecolumn", False)])
def test_every_table_compiles_and_fits(tmp_path, tex, reports, columns, compact):
    many = to_latex(printout(*[sheet(["technique", "-0.94"])] * 60), compact=compact)
    text = "\n".join([*(report.to_latex(compact=compact, label="tab:x") for report in reports), many])
    (tmp_path / "tables.tex").write_text(DOCUMENT % (columns, text), "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-draftmode", "tables.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert re.findall("^(?:Overfull|.*Float too large).*", done.stdout, re.MULTILINE) == []
