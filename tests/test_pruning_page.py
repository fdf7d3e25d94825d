"""The page on pruning: its sweep file works when pasted."""

from __future__ import annotations

import re

from orchestrator.sweep.spec import parse_spec
from tests.support.places import ROOT

PAGE = ROOT / "docs" / "pruning.md"


def test_the_sweep_file_on_the_page_is_one():
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    plain, filters, total = parse_spec(text).grids
    assert [pruning.label for pruning in plain.prunings] == [
        "magnitude",
        "magnitude(distribution=erk)",
        "shuffled",
        "random",
    ]
    assert (filters.levels, filters.prunings[0].layers) == ((1, 2, 3, 4, 5), "resnet56_b")
    assert total.iterative.budget_is == "total"
