from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from orchestrator.results.figures.points import read_grids
from orchestrator.results.figures.safe_zone import leads, safe_zone
from tests.support.figure_geometry import faults, luminance, smallest_text
from workers.errors import InputError

STRUCTURE_A = "magnitude(structure=filters, layers=resnet34_a)"


def by_hand(rows, technique, *, dominance):
    """The same numbers with pandas alone: medians less the best median of fine-tuning."""
    frame = rows.to_pandas()
    frame = frame[frame["schedule"] == "one_shot"]
    medians = frame.groupby(["technique", "budget_epochs", "compression"])["test_accuracy"].median().mul(100).unstack()
    best = medians.loc["fine_tuning"].cummax()
    if dominance:
        best.loc[:, :] = best.iloc[[-1]].to_numpy()
    return medians.loc[technique] - best


@pytest.mark.parametrize("mode", ["safety", "dominance"])
@pytest.mark.parametrize("technique", ["lr_rewinding", "weight_rewinding"])
def test_leads_are_those_over_the_best_fine_tuning(reference, mode, technique):
    [grid] = read_grids(reference("resnet20"), "accuracy", "test", "schedule=one_shot")
    [lead] = [lead for lead in leads(grid, mode) if lead.technique == technique]
    values = pd.Series(lead.values).unstack()
    expected = by_hand(reference("resnet20"), technique, dominance=mode == "dominance")
    pd.testing.assert_frame_equal(values, expected, check_names=False, check_exact=False, atol=1e-9)
    assert lead.at_least_as_good == (expected > -1e-9).sum().sum()


def test_dominance_asks_for_more_than_safety(demo):
    [grid, _] = read_grids(demo, "accuracy", "test", None)
    for safety, dominance in zip(leads(grid, "safety"), leads(grid, "dominance"), strict=True):
        assert safety.at_least_as_good >= dominance.at_least_as_good
        longest = max(grid.budgets)
        assert all(
            safety.values[longest, ratio] == dominance.values[longest, ratio] for ratio in grid.section.compressions
        )


def test_what_is_drawn_is_what_was_computed(demo):
    [grid, _] = read_grids(demo, "accuracy", "test", None)
    [lead] = [lead for lead in leads(grid, "safety") if lead.technique == "lr_rewinding"]
    figure = safe_zone(demo, techniques=["lr_rewinding"])
    [axes] = figure.axes
    numbers = {text.get_position(): float(text.get_text().replace("−", "-")) for text in axes.texts}
    for y, budget in enumerate(lead.budgets):
        for x, ratio in enumerate(lead.compressions):
            value = lead.values[budget, ratio]
            assert numbers[x + 0.5, y + 0.5] == pytest.approx(value, abs=0.5 if abs(value) > 9.9 else 0.05)
    assert axes.get_title(loc="left").replace("\n", " ").endswith("LR rewinding: 8 of 8 cells")


def test_numbers_are_readable_on_their_cells(reference):
    figure = safe_zone(reference("resnet34"), filters={"pruning": STRUCTURE_A}, techniques=["weight_rewinding"])
    [axes] = figure.axes
    cells = {
        (patch.get_x(), patch.get_y()): patch.get_facecolor() for patch in axes.findobj(Rectangle) if patch.get_gid()
    }
    assert len(axes.texts) == 50
    for text in axes.texts:
        x, y = text.get_position()
        lighter, darker = sorted((luminance(text.get_color()), luminance(cells[x - 0.5, y - 0.5])), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_missing_cells_are_hatched(demo):
    gone = (demo["technique"].to_numpy() == "lr_rewinding") & (demo["replicate"].to_numpy() == 1)
    column = pd.Series(demo["test_accuracy"].to_numpy()).mask(gone & (demo["compression"].to_numpy() == 8)).tolist()
    rows = demo.set_column(demo.column_names.index("test_accuracy"), "test_accuracy", [column])
    figure = safe_zone(rows, techniques=["lr_rewinding"])
    hatched = [patch for patch in figure.axes[0].findobj(Rectangle) if patch.get_hatch()]
    assert len(hatched) == 2  # both budgets
    assert "Hatched: replicates are missing." in figure.caption


def test_fine_tuning_must_be_there(demo):
    with pytest.raises(InputError, match="nothing to compare with `fine_tuning`"):
        safe_zone(demo, filters="schedule=iterative")


def test_no_number_crosses_anything(demo, reference):
    resnet50 = {"filters": "schedule=iterative", "mode": "dominance", "techniques": ["lr_rewinding"]}
    for figure in (safe_zone(demo, columns=1), safe_zone(reference("resnet50"), columns=2, **resnet50)):
        assert faults(figure) == []
        assert smallest_text(figure) >= 7
