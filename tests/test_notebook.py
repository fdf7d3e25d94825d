"""Plans, statuses, tables and figures show themselves in notebooks, and the example notebook does what it shows."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

import prunesweep as ps
from orchestrator.driver.summary import Summary
from orchestrator.planning.cells import html_of_grids
from tests.support.notebook import executed, kinds
from tests.support.places import ROOT
from tests.support.records import cell, dense_cell, make_store, record_of
from workers import html
from workers.store.failures import Failure

EXAMPLE = ROOT / "docs/example.ipynb"
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e & \"'"


@pytest.fixture
def example():
    return json.loads(EXAMPLE.read_text("utf-8"))


def test_the_example_runs_and_shows_what_it_has_on_file(example, tmp_path, monkeypatch, describe_here):
    monkeypatch.chdir(tmp_path)
    shown = executed(example)
    assert kinds(shown) == kinds(example)
    assert kinds(example).count(["text/html", "text/plain"]) == 4
    assert kinds(example).count(["image/svg+xml", "text/plain"]) == 2
    [plan] = [cell for cell in shown["cells"] if cell["id"] == "plan"]
    [filed] = [cell for cell in example["cells"] if cell["id"] == "plan"]
    assert plan["outputs"] == filed["outputs"]  # what training gives differs by processor, what is planned does not
    assert "finished</th><td>34</td><td>34</td>" in text_of(shown, "run")


def text_of(notebook, name):
    [cell] = [cell for cell in notebook["cells"] if cell["id"] == name]
    return "".join(cell["outputs"][0]["data"]["text/html"])


def test_the_example_is_a_notebook_of_version_4(example):
    assert (example["nbformat"], example["nbformat_minor"]) == (4, 5)
    names = [cell["id"] for cell in example["cells"]]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[\w-]{1,64}", name) for name in names)
    counts = [cell["execution_count"] for cell in example["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))


def test_the_example_names_no_folder_of_the_machine_that_ran_it():
    assert not re.findall(r"(?:/tmp|/home|/root|/Users|/work)/", EXAMPLE.read_text("utf-8"))


def check_fragment(fragment):
    """Well-formed, and hostile text is text: no script, no control character."""
    root = ElementTree.fromstring(f"<div>{fragment}</div>")
    assert not list(root.iter("script"))
    assert "<script>alert(1)</script>" in "".join(root.itertext())
    assert not re.search("[\x00-\x09\x0b-\x1f\u202a-\u202e]", fragment)


def test_hostile_names_in_a_plan_are_text():
    check_fragment(html_of_grids(HOSTILE, [dense_cell(network=HOSTILE), cell(network=HOSTILE)]))


def test_hostile_names_and_reasons_in_a_status_are_text(tmp_path):
    cells = [dense_cell(network=HOSTILE), cell(network=HOSTILE)]
    store = make_store(tmp_path / "store", cells, [record_of(cells[0])])
    store.failures.write(cells[1]["trial"], Failure(outcome="bug", reason=HOSTILE))
    status = ps.status(tmp_path / "store")
    check_fragment(status._repr_html_())
    assert "<td>2</td><td>1</td><td>0</td><td>1</td><td>0</td>" in status._repr_html_()  # cells, done … blocked
    assert "<pre>" in status._repr_html_()
    check_fragment(ps.table(ps.frame(tmp_path / "store"))._repr_html_())


def test_a_complete_status_needs_no_text(tmp_path):
    make_store(tmp_path / "store", [dense_cell()], [record_of(dense_cell())])
    assert "<pre>" not in ps.status(tmp_path / "store")._repr_html_()
    assert "digits" in ps.sweeps(tmp_path / "store")._repr_html_()


def test_a_summary_names_what_failed():
    summary = Summary(cells=1200, cells_done=3, failed=2, outcomes={"diverged": 2})
    assert "<td>3</td><td>1,200</td>" in summary._repr_html_()
    assert "<p>Failed: 2 diverged</p>" in summary._repr_html_()


def test_cells_of_a_table_are_escaped():
    check_fragment(html.table(HOSTILE, [HOSTILE], [[HOSTILE, HOSTILE]]))
    check_fragment(html.paragraph(HOSTILE))
