"""Text from elsewhere appears as text: nothing in a name, an error or a description becomes markup or hides itself."""

from __future__ import annotations

import pytest

from orchestrator.results.page.source import open_source
from orchestrator.results.page.write import page
from tests.support.html import assert_closed, parse
from tests.support.records import cell, cells_table, dense_cell, record_of
from workers.store import Store
from workers.store.failures import Failure

SCRIPT = "</script></style></title></svg><script>alert(1)</script><img src=x onerror=alert(2)>"
ATTRIBUTE = "\" onload='alert(3)' style=\"x"
REVERSED = "abc\u202etxt.exe\u202c שלום"
ESCAPE = "\x1b[31mred\x1b[0m\x07\u2028"
MATH = "$\\frac{1}{2}$ & 100% {{ 7 * 7 }} {% raw %}"
ENDLESS = "x" * 10_000
ALL = [SCRIPT, ATTRIBUTE, REVERSED, ESCAPE, MATH, ENDLESS]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("hostile") / "store", create=True)
    cells, records = [], []
    for number, text in list(enumerate(ALL))[::2]:
        after = ALL[(number + 1) % len(ALL)]
        place = {"dataset": text, "network": after, "recipe": text, "pruning": after}
        dense = dense_cell(**(place | {"pruning": "none"}), dense_trial=f"d{number}")
        pruned = [
            cell(**place, technique=name, dense_trial=f"d{number}", trial=f"{number}{name}"[:20], budget=text)
            for name in ("fine_tuning", f"own:{text}")
        ]
        failed = cell(**place, compression=8.0, dense_trial=f"d{number}", trial=f"failed{number}", budget=text)
        cells += [dense, *pruned, failed]
        records += [
            record_of(one, test_score=0.9, host=text, device=after, commit=text, torch_version=after)
            for one in (dense, *pruned)
        ]
        store.failures.write(f"failed{number}", Failure(outcome="bug", reason=after, hint=text, host=after))
    spec = {"name": "hostile", "description": SCRIPT, "network": ALL, SCRIPT: ESCAPE}
    store.sweeps.add("hostile", {"spec": spec, "tasks": {"a": {SCRIPT: ATTRIBUTE}}}, cells_table(cells))
    for record in records:
        layers = [{"layer": text, "weights": 10, "kept": 5, "multiply_adds": 1.0} for text in ALL]
        curve = [{"step": 10, "learning_rate": 0.1, "train_loss": 1.0, "train_accuracy": 0.5}]
        store.records.publish(record, {"parameters": 10, "layers": layers, "curve": curve})
    return page(open_source(store.location))


def test_no_text_becomes_an_element_or_an_attribute(hostile):
    tree = parse(hostile)
    assert_closed(tree)
    assert not [element for element in tree.all() if element.tag in ("img", "x")]


def test_all_of_it_is_there_as_text(hostile):
    words = parse(hostile).text
    for text in (SCRIPT, ATTRIBUTE, MATH, "שלום", "x" * 200):
        assert text in words
    assert "(10,000 characters)" in words
    assert "{{ 7 * 7 }}" in words


def test_the_legend_has_every_name_as_text(hostile):
    [legend] = [element for element in parse(hostile).all("ul") if element.attributes.get("class") == "legend"]
    assert "own:</script></style></title></svg><script>alert(1)</script>" in legend.text
    assert "own:abc\\u202etxt.exe" in legend.text
    assert len(legend.text) < 2_000


def test_what_hides_or_reorders_text_is_written_out(hostile):
    for character in ("\u202e", "\u202c", "\x1b", "\x07", "\u2028"):
        assert character not in hostile
    assert "\\u202etxt.exe" in hostile
    assert "\\x1b[31mred" in hostile


def test_endless_text_does_not_make_an_endless_page(hostile):
    assert len(hostile) < 700_000
