"""The page as a whole: complete, closed to the outside, the same each time, and as it was."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest

import prunesweep as ps
from orchestrator.results.page.source import open_source
from orchestrator.results.page.write import page
from tests.support.html import assert_closed, coordinates, parse, rows, table
from tests.support.records import cell, dense_cell, make_store, record_of
from tests.support.report_store import GOLDEN, anonymous
from workers.errors import InputError
from workers.store import Store


def test_it_answers_in_order(tree):
    headings = [heading.text for heading in tree.one("answers").all("h3")]
    assert headings == [
        "Is the sweep complete, and can it be trusted?",
        "Which technique should be used?",
        "How far can the network be compressed?",
        "At what cost?",
        "What went wrong?",
    ]
    views = [heading.text for heading in tree.one("g1").all("h3")]
    assert views == [
        "Accuracy against compression",
        "Comparison",
        "Accuracy against search cost",
        "Accuracy against size",
        "Within the margin of the best choice",
        "Accuracy against budget",
        "Weights kept in each layer",
        "Learning curves",
    ]
    assert [heading.text for heading in tree.one("times").all("h3")] == ["Time of a trial", "When trials ran"]


def test_it_is_closed_to_the_outside(tree):
    assert_closed(tree)


def test_every_view_says_how_to_read_it_and_has_its_data(tree):
    views = [section for section in tree.all("section") if "view" in section.classes]
    assert len(views) == 10
    for view in views:
        assert any("reading" in p.classes and p.text for p in view.all("p"))
        assert view.all("table")
        for figure in view.all("figure"):
            [svg] = figure.all("svg")
            names = [element.attributes["id"] for element in (*svg.all("title"), *svg.all("desc")) if element.text]
            assert svg.attributes["aria-labelledby"].split() == names
            assert svg.attributes["role"] == "img"


def test_ids_are_unique_and_references_have_a_target(tree):
    ids = [element.attributes["id"] for element in tree.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    style = tree.all("style")[0].text
    assert {reference[1:] for reference in re.findall(r"url\((#\w+)\)", style)} <= set(ids)
    links = [link.attributes["href"][1:] for link in tree.all("a")]
    assert set(links) <= set(ids)


def test_headings_descend_one_level_at_a_time(tree):
    levels = [int(element.tag[1]) for element in tree.all() if re.fullmatch(r"h\d", element.tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_negative_numbers_have_a_minus_sign_in_tables_and_figures(tree):
    shown = [
        element.text for element in tree.all() if element.tag in {"td", "th", "small", "text", "title", "desc", "p"}
    ]
    assert sum("−" in text for text in shown) > 100
    assert [text for text in shown if re.search(r"(?<![\w.])-\.?\d", text)] == []


def test_figures_repeat_the_legend_of_their_techniques_on_paper(tree):
    views = [view for view in tree.all("section") if view.attributes.get("class") == "view"]
    legends = {
        view.all("h3")[0].text: [item.text for legend in view.all("ul") for item in legend.all("li")] for view in views
    }
    assert legends["Accuracy against compression"] == ["fine-tuning", "weight rewinding", "LR rewinding"]
    assert legends["Weights kept in each layer"] == []  # its lines are compressions
    symbols = {f"#{symbol.attributes['id']}" for symbol in tree.all("symbol")}
    assert {use.attributes["href"] for view in views for use in view.all("use")} == symbols


def test_a_cell_with_a_missing_replicate_shows_its_count(tree):
    lines = {(line[0], line[1]): line for line in rows(table(tree, "Test accuracy (percent)"))}
    assert lines["fine_tuning", "16×"][2] == "5ep*"
    [*_, compared] = next(line for line in rows(table(tree, "Mean change")) if line[0] == "fine_tuning")
    assert compared == "−23.88 ±0.19*"
    heat = rows(table(tree, "fine_tuning: budget × compression"))
    assert [line[3] for line in heat if line[0] == "10ep"] == ["2/3"]


def test_failures_are_named_by_cause_and_place(tree):
    [line] = rows(table(tree, "Failed trials by cause"))
    assert line[:3] == ["diverged", "1", "1"]
    assert line[4] == "the loss is nan at step 3 (at step 3)"
    assert line[6] == "lower the rate"
    places = {row[0]: row[1:] for row in rows(table(tree, "Failed and blocked cells"))}
    assert places["fine_tuning"] == ["none", "none", "1 of 6"]


def test_what_is_mixed_stands_in_a_banner(tree):
    [banner] = [element for element in tree.one("trust").all("div") if "banner" in element.classes]
    assert "2 CPU instruction sets: avx2 (28), avx512 (28)" in banner.text
    assert "56 of 57 cells done, 1 failed." in tree.one("trust").text


def test_collapsed_layers_are_marked(tree):
    lines = {line[1]: line[2:] for line in rows(table(tree, "Share of each layer's weights"))}
    assert lines == {"conv": ["25%", "12.5%", "collapsed"], "fc": ["25%", "12.5%", "6.33%"]}


def test_a_technique_is_one_class_in_all_figures(tree):
    item = next(item for item in tree.all("li") if item.text == "LR rewinding")
    marked = [group for group in tree.all("g") if item.attributes["data-technique"] in group.classes]
    assert len(marked) > 10


def test_the_same_results_give_the_same_bytes(store, text):
    assert page(open_source(store.location)).replace(store.location, "runs") == text


def test_it_is_as_it_was(store, text):
    """Figures are compared by their labels and coordinates, which may move by a pixel between versions."""
    new, old = parse(anonymous(text, store.location)), parse(GOLDEN.read_text("utf-8"))
    assert _words(new) == _words(old)
    for figure, before in zip(new.all("figure"), old.all("figure"), strict=True):
        shapes, shapes_before = coordinates(figure), coordinates(before)
        assert [label for label, _ in shapes] == [label for label, _ in shapes_before]
        for (_, numbers), (_, numbers_before) in zip(shapes, shapes_before, strict=True):
            assert numbers == pytest.approx(numbers_before, abs=1.0)


def _words(tree):
    return [part for element in tree.all() if element.tag not in ("script", "style") for part in _own(element)]


def _own(element):
    return [child.strip() for child in element.children if isinstance(child, str) and child.strip()]


def test_the_command_writes_the_file(main, store, tmp_path):
    code, stdout, stderr = main("report", store.location, "-o", tmp_path / "page.html", "--only", "compression=4")
    assert (code, stdout.strip(), stderr) == (0, str(tmp_path / "page.html"), "")
    written = (tmp_path / "page.html").read_text("utf-8")
    assert_closed(parse(written))
    assert "8×" not in parse(written).one("g1").text


def test_a_folder_in_place_of_the_file_is_refused(main, store, tmp_path):
    code, stdout, stderr = main("report", store.location, "-o", tmp_path)
    assert (code, stdout) == (2, "")
    assert f"error: the file to write cannot be a folder: {tmp_path}\n" in stderr


def test_a_filter_that_selects_nothing_is_refused(store, tmp_path):
    with pytest.raises(InputError, match="compression=3"):
        ps.report(store.location, tmp_path / "page.html", filters="compression=3")


def test_a_store_without_pruned_networks_has_nothing_to_report(tmp_path):
    dense = dense_cell()
    store = make_store(tmp_path / "store", [dense], [record_of(dense)])
    with pytest.raises(InputError, match="no pruned network to report"):
        ps.report(store.location, tmp_path / "page.html")


def test_a_page_without_a_dense_network_or_with_scores_that_are_not_numbers(tmp_path):
    dense, *pruned = dense_cell(), cell(), cell(technique="lr_rewinding")
    records = [record_of(pruned[0], test_score=math.nan), record_of(pruned[1])]
    lost = make_store(tmp_path / "store", [dense, *pruned], records)
    tree = parse(page(open_source(lost.location)))
    assert "2 of 3 cells done, 1 missing." in tree.one("trust").text
    assert "No technique can be named: " in tree.one("verdict").text


def test_a_sweep_in_which_nothing_is_done_has_a_page(tmp_path, store):
    bare = Store(tmp_path / "bare", create=True)
    [folder] = store.sweeps.folders()
    bare.sweeps.add("digits", store.sweeps.read(folder), store.sweeps.read_cells(folder))
    tree = parse(page(open_source(bare.location)))
    assert "0 of 57 cells done, 57 missing." in tree.one("trust").text
    assert "Left out: No cell is done." in tree.text
    assert not tree.all("figure")
    assert "No technique can be named: " in tree.one("verdict").text
