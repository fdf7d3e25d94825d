"""A metric of which lower scores are better: whatever is chosen, marked or drawn as better is what accuracy would give.

The two stores are mirror images: each point of accuracy in one is a unit of an error in the other.
"""

from __future__ import annotations

import pandas as pd
import pytest

import prunesweep as ps
from orchestrator.results.figures.pareto import front, points_of
from orchestrator.results.figures.points import read_grids
from orchestrator.results.figures.safe_zone import leads
from orchestrator.results.headline import headline
from orchestrator.results.page.cells import cells_table
from orchestrator.results.page.grids import read_grids as page_grids
from orchestrator.results.page.reach import reach_rule, reach_table
from orchestrator.results.page.ties import columns
from orchestrator.results.page.verdict import verdict
from orchestrator.results.page.views.fronts import pareto
from orchestrator.results.page.views.margin import margin_view
from orchestrator.results.table import table
from orchestrator.results.tolerance import Tolerance
from orchestrator.search.rounds import Round, kept_round
from tests.support.report_store import build, mirrored, with_both
from workers.errors import InputError
from workers.metrics.facts import KNOWN_ACCURACY, KNOWN_BLEU, MetricFacts
from workers.trial import Stop

ERROR = MetricFacts("rmse", "mg/dl", higher_is_better=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Stores with accuracy, which also has its mirror image, and with the mirror image alone."""
    folder = tmp_path_factory.mktemp("mirror")
    build(folder / "both", change=with_both)
    build(folder / "error", change=mirrored)
    return folder


@pytest.fixture(scope="module")
def stores(folder):
    """The results of both."""
    return [ps.frame(folder / name) for name in ("both", "error")]


def both(stores, read):
    accuracy, error = (read(store) for store in stores)
    return accuracy, error


@pytest.mark.parametrize("statistic", ["median", "mean", "ci"])
@pytest.mark.parametrize("budget", ["best", "single"])
def test_budgets_and_best_cells_are_the_same(stores, statistic, budget):
    def chosen(store):
        rows = table(store, value="delta", budget=budget, statistic=statistic).rows()
        return [(row["technique"], row["compression"], row["budget"], row["best"]) for row in rows]

    accuracy, error = both(stores, chosen)
    assert accuracy == error
    assert any(row[-1] for row in error)


def test_changes_are_real_differences(stores):
    accuracy, error = both(stores, lambda store: table(store, value="delta", budget="best").rows())
    assert [row["median"] for row in error[1:]] == pytest.approx([-row["median"] for row in accuracy[1:]])
    assert {row["unit"] for row in error} == {"mg/dl"}
    text = str(table(stores[1], value="delta", budget="best"))
    assert text.startswith("Change in test RMSE relative to the dense network, mg/dl; lower is better\n")
    assert "Dense network: 49.80 [49.60, 50.00] mg/dl, n = 3" in text
    assert table(stores[1], budget="best").printed().bold == "the lowest median at a compression"


@pytest.mark.parametrize("tolerance", [0, 1, 2.25])
def test_the_headline_is_the_same(stores, tolerance):
    names = ("technique", "best_compression", "best_budget", "single_compression", "single_budget")
    rows = both(stores, lambda store: headline(store, tolerance=tolerance).rows())
    accuracy, error = ([[row[name] for name in names] for row in side] for side in rows)
    assert accuracy == error


def test_a_tolerance_may_be_a_share_of_the_dense_score(stores):
    names = "technique", "best_compression"
    found = headline(stores[1], tolerance="3%")
    assert [[row[name] for name in names] for row in found.rows()] == [
        ["fine_tuning", None],
        ["weight_rewinding", 4.0],
        ["lr_rewinding", 4.0],
    ]
    assert "the median RMSE still matches the dense networks, within 3% of the dense score" in str(found)
    with pytest.raises(InputError, match=r"the tolerance must be 0 or more, or a share of the dense score: 3 points"):
        headline(stores[1], tolerance="3 points")


def test_figures_draw_what_is_better_higher(stores):
    figure = next(ps.paper_figures(stores[1]))
    assert figure.name == "rmse_resnet8_one_shot"
    axes = figure.chart.axes[0]
    assert axes.yaxis_inverted()
    ends = {name.xy[1] for name in axes.texts if name.xy}
    assert ends == {line.get_ydata()[-1] for line in axes.get_lines() if len(line.get_ydata()) == 3} | {0.0}
    assert axes.get_ylabel().replace("\n", " ") == "change in test RMSE, mg/dl; lower is better"
    shown = {"value": "delta", "cut": True, "compressions": [16.0]}
    limits = both(stores, lambda store: ps.budget_curves(store, **shown).axes[0].get_ylim())
    assert limits[1] == pytest.approx([-limit for limit in limits[0]])


def test_pareto_fronts_and_safe_zones_are_the_same(stores):
    def fronts(store):
        [grid] = read_grids(store, "score", "test", None)
        return [(point.technique, point.x) for point in front(points_of(grid, "epochs"))]

    accuracy, error = both(stores, fronts)
    assert accuracy == error
    for mode in ("safety", "dominance"):
        [ours], [mirror] = both(stores, lambda store: read_grids(store, "score", "test", None))
        for lead, same in zip(leads(ours, mode), leads(mirror, mode), strict=True):
            known = {place: value for place, value in lead.values.items() if value is not None}
            assert {place: same.values[place] for place in known} == pytest.approx(known)


def test_the_page_says_the_same(stores):
    import pyarrow as pa

    [accuracy], [error] = both(stores, lambda store: page_grids(pa.Table.from_pandas(store), None))
    assert [column.best for column in columns(accuracy)] == [column.best for column in columns(error)]
    advice, same = (verdict(columns(grid), str).sentence for grid in (accuracy, error))
    assert advice == same
    assert advice.startswith("Use lr_rewinding: it is the best or tied with the best in 3 of 3 comparisons; ")
    assert "with the lowest mean test RMSE" in verdict(columns(error), str).rule
    assert "with the best mean test score" in verdict([], str).rule  # of one technique, there is nothing to compare
    places = [
        [(group.technique, group.compression) for group in pareto(grid, list(grid.groups.values())[:4], _weights)]
        for grid in (accuracy, error)
    ]
    assert places[0] == places[1]
    kinds = [
        [cell.kind for shown in margin_view(grid).shown for row in shown.rows for cell in row[1:]]
        for grid in (accuracy, error)
    ]
    assert [kind.split()[1:] for kind in kinds[0]] == [kind.split()[1:] for kind in kinds[1]]
    assert reach_table([error], [{}], ["x"]).header[2:] == ["rise of 0%", "rise of 0.5%", "rise of 1%", "rise of 2%"]
    assert "at most that of the dense networks plus the rise" in reach_rule([error])
    assert cells_table([], [error]).caption == "All cells: RMSE in mg/dl, change in mg/dl"


def _weights(group):
    return group.weights_kept


def test_the_page_does_not_speak_of_accuracy(folder):
    shown = {"metric": "rmse", "filters": "compression=4|8,technique!=weight_rewinding"}
    written = ps.report(folder / "both", folder / "page.html", **shown)
    text = written.path.read_text()
    assert "RMSE against compression" in text
    assert "Test RMSE (mg/dl) and its change from the dense network (mg/dl)" in text
    assert "accuracy" not in text.partition("BibTeX")[0].lower()


def test_another_recorded_metric_is_shown_as_if_it_were_the_primary_one(stores):
    both, error = stores
    expected = table(error, value="delta", split="validation", budget="single")
    assert str(ps.table(both, metric="rmse", value="delta", split="validation", budget="single")) == str(expected)
    assert ps.headline(both, metric="rmse", tolerance="3%").rows() == headline(error, tolerance="3%").rows()
    filtered = both[both["technique"] == "fine_tuning"]
    comparison = ps.compare(filtered, error, metric="rmse")
    assert comparison.rows()[0]["difference"] == 0
    assert "dense networks, mg/dl; lower is better: ours and theirs" in str(comparison)
    with pytest.raises(InputError, match=r"no cell has the metric `rmsd`\n\nhint: did you mean `rmse`\? Use one of"):
        ps.table(both, metric="rmsd")
    shared = both.assign(metric="f1", recipe="judged by f1")
    text = str(table(pd.concat([filtered, shared[shared["technique"] == "fine_tuning"]]), budget="best"))
    assert "Accuracy. Dense network: 90.20 [90.00, 90.40] percent" in text
    assert "F1. Dense network: 90.20 [90.00, 90.40] percent" in text
    with pytest.raises(InputError, match="no cell has the metric `accuracy`"):
        ps.table(error, metric="accuracy")


def test_a_search_ends_where_the_error_has_risen():
    rounds = [
        Round(
            metric=ERROR,
            number=number,
            density=0.8**number,
            stops=(Stop("a", 1), Stop("b", 1)),
            dense_scores=(50.0, 50.0),
            validation_scores=(50.0 + rise, 49.0 + rise),
            test_scores=(50.0, 50.0),
            validation_change=(rise, rise - 1.0),
            test_change=(0.0, 0.0),
            epochs=1.0,
        )
        for number, rise in enumerate((0.5, 1.0, 2.0, 4.0))
    ]
    assert [kept_round(rounds, Tolerance.of(within)).number for within in (0, 0.5, 1.5, "1%", "3%", "10%")] == [
        *(0, 1, 2),
        *(1, 2, 3),
    ]
    assert rounds[1].best_stop() == Stop("b", 1)
    assert rounds[1].to_json()["validation_rmse"] == [51.0, 50.0]


def test_scores_in_words():
    assert KNOWN_ACCURACY.in_words(0.91839) == "91.84%"
    assert KNOWN_ACCURACY.change_in_words(-1.5) == "-1.50 points"
    assert ERROR.in_words(54.0192) == "54.02 mg/dl"
    assert ERROR.change_in_words(2.0) == "+2 mg/dl"
    assert (ERROR.change_in_words(-0.0), KNOWN_ACCURACY.change_in_words(-0.001)) == ("+0 mg/dl", "+0.00 points")
    assert MetricFacts("r2").in_words(0.48172) == "0.4817"
    assert [ERROR.decimals(dense) for dense in (5400.0, 54.0, 0.54, 0.00054, None)] == [0, 2, 4, 7, 2]
    assert (KNOWN_ACCURACY.decimals(0.01), KNOWN_BLEU.decimals(26.8)) == (2, 2)
    assert (KNOWN_ACCURACY.point(90.0), KNOWN_BLEU.point(26.8), ERROR.point(54.0)) == (1.0, 1.0, 0.54)
