"""docs/translation.md: its sweep is valid, and is that of the preset; its figures are those of the plans."""

from __future__ import annotations

import re

from orchestrator.presets import preset
from orchestrator.presets.cost import cost
from orchestrator.sweep.spec import parse_spec
from tests.support.places import ROOT

PAGE = (ROOT / "docs" / "translation.md").read_text("utf-8")


def test_the_sweep_of_the_page_is_that_of_the_preset() -> None:
    [block] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    ours, small = parse_spec(block), parse_spec(preset("translation-small").text)
    assert (ours.recipes, ours.grids, ours.networks) == (small.recipes, small.grids, small.networks)
    assert ours.datasets[0].arguments | {"path": ""} == small.datasets[0].arguments | {"path": ""}


def test_the_costs_of_the_page_are_those_of_the_plans() -> None:
    for name in ("gnmt-one-shot", "gnmt-iterative"):
        costs = cost(preset(name))
        figures = f"| `{name}` | {costs.cells:,} | {costs.trials:,} |"
        assert figures in PAGE
        assert f"| {costs.epochs:,.0f} | {costs.epochs_without_sharing:,.0f} epochs |" in PAGE
