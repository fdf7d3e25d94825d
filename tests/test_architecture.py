"""The pages for developers say what is true: files and names exist, and imports are as the map draws them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support import import_graph
from tests.support.places import ROOT

GRAPH = import_graph.read()
PAGES = ["docs/architecture.md", "docs/style.md", "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", PAGES)
def test_paths_and_names_in_the_page_exist(page):
    text = re.sub(r"^```diff\n.*?^```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL | re.M)
    places = re.findall(r"`((?:prunesweep|orchestrator|workers|tests|docs)/[\w/.]*)(?::([\w.]+))?`", text)
    assert places
    missing = [path for path, _ in places if not (ROOT / path).exists()]
    missing += [f"{path}:{name}" for path, name in places if name and name not in names_in(ROOT / path)]
    assert missing == []


def test_the_tests_that_the_page_on_reliability_names_exist():
    text = (ROOT / "docs/reliability.md").read_text("utf-8")
    tests = {path.name: path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    files = re.findall(r"`(?:tests/[\w/]*/)?(test_\w+\.py)`", text)
    groups = re.findall(r"`(test_fault_\d+_)\*`", text)
    assert files
    assert groups
    assert [name for name in files if name not in tests] == []
    assert [name for name in groups if not any(f"def {name}" in program for program in tests.values())] == []


def names_in(path: Path) -> set[str]:
    """`function`, `Class` and `Class.method` of a module."""
    names = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
            names |= {f"{node.name}.{item.name}" for item in ast.walk(node) if isinstance(item, ast.FunctionDef)}
    return names


def test_imports_between_rooms_lead_down_the_map():
    floors = drawn_floors()
    assert {*GRAPH.rooms, "prunesweep"} <= set.union(*floors)
    assert GRAPH.upward(floors) == []


def drawn_floors() -> list[set[str]]:
    """The full names on each line of the map, from the top."""
    [drawing] = re.findall(r"^```text\n(prunesweep .*?)^```", (ROOT / PAGES[0]).read_text("utf-8"), re.DOTALL | re.M)
    floors, package = [], ""
    for line in drawing.splitlines():
        names = line[:20].split()  # what follows describes them
        if line.startswith(" "):
            floors.append({f"{package}.{name}" for name in names})
        else:
            [package] = names
            floors.append({package})
    return floors
