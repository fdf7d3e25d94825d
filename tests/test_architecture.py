"""The files and names that the pages for developers point to exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["docs/architecture.md", "docs/style.md", "CONTRIBUTING.md"]


@pytest.mark.parametrize("page", PAGES)
def test_paths_and_names_in_the_page_exist(page):
    text = re.sub(r"^```diff\n.*?^```", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL | re.M)
    places = re.findall(r"`((?:prunesweep|orchestrator|workers|tests|docs)/[\w/.]*)(?::([\w.]+))?`", text)
    assert places
    missing = [path for path, _ in places if not (ROOT / path).exists()]
    missing += [f"{path}:{name}" for path, name in places if name and name not in names_in(ROOT / path)]
    assert missing == []


def names_in(path: Path) -> set[str]:
    """`function`, `Class` and `Class.method` of a module."""
    names = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
            names |= {f"{node.name}.{item.name}" for item in ast.walk(node) if isinstance(item, ast.FunctionDef)}
    return names
