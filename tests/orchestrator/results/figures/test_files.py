from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from orchestrator.results.figures.accuracy import accuracy_vs_compression
from orchestrator.results.figures.files import save
from orchestrator.results.figures.svg import to_svg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def chart(demo):
    return accuracy_vs_compression(demo, value="delta", filters="schedule=one_shot")


@pytest.fixture(scope="module")
def files(chart, tmp_path_factory):
    return save(chart, tmp_path_factory.mktemp("figures") / "figure")


@pytest.fixture(scope="module")
def inline(chart):
    return to_svg(chart, inline=True)


def test_equal_figures_give_equal_bytes_and_no_date(demo, files, tmp_path):
    again = save(
        accuracy_vs_compression(demo, value="delta", filters="schedule=one_shot"), tmp_path / "other" / "figure"
    )
    assert [path.name for path in files] == ["figure.png", "figure.svg", "figure.pdf"]
    for first, second in zip(files, again, strict=True):
        data = first.read_bytes()
        assert data == second.read_bytes()
        assert not re.search(rb"dc:date|CreationDate|\(D:20", data)


def test_fonts_are_embedded_as_truetype(files):
    data = files[2].read_bytes()
    assert b"/CIDFontType2" in data
    assert b"/FontFile2" in data
    assert b"/Type3" not in data


def test_svg_says_what_it_is(chart, files):
    root = ElementTree.parse(files[1]).getroot()
    title, description = root[0], root[1]
    assert (title.tag, title.text) == (f"{SVG}title", "Change in test accuracy relative to the dense network, points")
    assert (description.tag, description.text) == (f"{SVG}desc", chart.caption)
    assert root.get("role") == "img"
    assert root.get("aria-label") == title.text
    assert root.get("aria-describedby") == description.get("id")
    assert root.get("width") == "234pt"  # 3.25 inches


def test_what_belongs_to_a_technique_is_marked(inline):
    parts = {
        (element.get("data-technique"), element.get("data-part"))
        for element in ElementTree.fromstring(inline).iter()
        if element.get("class") == "technique"
    }
    assert {("lr_rewinding", part) for part in ("line", "band", "replicate", "name")} <= parts
    assert ("dense", "line") in parts


def test_several_figures_fit_one_page(chart, inline):
    figure = Figure(layout="none")
    figure.add_axes((0, 0, 1, 1)).plot([1, 2])
    other = to_svg(figure, inline=True)
    ids = [*re.findall(r'\bid="([^"]*)"', inline), *re.findall(r'\bid="([^"]*)"', other)]
    assert len(ids) == len(set(ids)) > 20
    referred = set(re.findall(r'(?:href="#|url\(#)([^")]*)', inline))
    assert referred
    assert referred <= set(ids)


def test_a_page_can_set_each_color(inline):
    assert "var(--c-009e73, #009e73)" in inline
    assert not re.search(r"(?<!, )#[0-9a-f]{6}\b", inline)


def test_text_in_a_page_is_text(inline):
    texts = {"".join(element.itertext()) for element in ElementTree.fromstring(inline).iter(f"{SVG}text")}
    assert {"LR rewinding", "dense", "4×"} <= texts


def test_inline_figures_load_nothing(inline):
    assert not re.search(r'(?:href|src)="(?!#)', inline)
    assert "<script" not in inline
