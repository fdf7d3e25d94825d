"""The answers at the top: which technique, by which rule, and what may not be trusted."""

from __future__ import annotations

import math

import pytest

from orchestrator.results.frame import join
from orchestrator.results.intervals import interval, paired_difference
from orchestrator.results.page.grids import read_grids
from orchestrator.results.page.reach import reach
from orchestrator.results.page.source import open_source
from orchestrator.results.page.ties import columns, left_out
from orchestrator.results.page.trust import mixtures, trust
from orchestrator.results.page.verdict import verdict
from orchestrator.results.page.views.batch import independent_intervals, intervals
from orchestrator.results.page.views.fronts import few, pareto
from orchestrator.results.page.views.margin import color
from orchestrator.results.page.write import page
from tests.support.html import parse, rows, table
from tests.support.records import cell, dense_cell, make_store, record_of
from workers.store.failures import Failure

TWO = ("fine_tuning", "lr_rewinding")
SCORES = {  # by technique and compression, one for each replicate
    ("fine_tuning", 2.0): (0.900, 0.900, 0.900),
    ("lr_rewinding", 2.0): (0.901, 0.899, 0.9015),
    ("weight_rewinding", 2.0): (0.880, 0.881, 0.882),
    ("fine_tuning", 4.0): (0.850, 0.851, 0.852),
    ("lr_rewinding", 4.0): (0.890, 0.892, 0.891),
    ("weight_rewinding", 4.0): (0.889, 0.893, 0.8905),
}


def grid(path, scores, *, dense=0.9, failed=False):
    """A grid with these scores, at one budget; a score of None is a replicate that has failed or is still to run."""
    replicates = range(max(map(len, scores.values())))
    cells = [dense_cell(replicate=replicate) for replicate in replicates]
    records = [record_of(one, test_score=dense) for one in cells]
    undone = []
    for (technique, compression), values in scores.items():
        for replicate, score in enumerate(values):
            one = cell(technique=technique, compression=compression, replicate=replicate)
            cells.append(one)
            if score is None:
                undone.append(one["trial"])
            else:
                records.append(record_of(one, test_score=score))
    store = make_store(path, cells, records)
    for trial in undone if failed else []:
        store.failures.write(trial, Failure(outcome="diverged", reason="loss is nan"))
    [read] = read_grids(join(store).rows, None)
    return read


def name(technique):
    return technique.replace("_", " ")


def test_a_technique_is_tied_if_the_interval_of_the_difference_includes_zero(tmp_path):
    first, second = columns(grid(tmp_path, SCORES))
    assert (first.best, second.best) == ("lr_rewinding", "lr_rewinding")
    assert [t for t in first.techniques if first.tied(t)] == ["fine_tuning", "lr_rewinding"]
    assert [t for t in second.techniques if second.tied(t)] == ["weight_rewinding", "lr_rewinding"]
    expected = paired_difference((85.0, 85.1, 85.2), (89.0, 89.2, 89.1))
    assert second.differences["fine_tuning"].middle == pytest.approx(expected.middle)
    assert second.differences["fine_tuning"].high == pytest.approx(expected.high)


def test_the_sentence_counts_what_the_rule_says(tmp_path):
    result = verdict(columns(grid(tmp_path, SCORES)), name)
    assert result.sentence == (
        "Use lr rewinding: it is the best or tied with the best in 2 of 2 comparisons; "
        "weight rewinding in 1 of 2, fine tuning in 1 of 2."
    )
    assert "95% interval" in result.rule
    assert [(t.technique, t.columns, t.tied, t.alone) for t in result.tallies] == [
        ("lr_rewinding", 2, 2, 0),
        ("weight_rewinding", 2, 1, 0),
        ("fine_tuning", 2, 1, 0),
    ]
    assert result.tallies[1].distance == pytest.approx((1.95 + 0.0167) / 2, abs=0.001)


def test_a_technique_with_a_failed_replicate_never_wins(tmp_path):
    scores = SCORES | {("lr_rewinding", 4.0): (0.9, None, 0.9)}
    first, second = columns(grid(tmp_path, scores, failed=True))
    assert second.best == "weight_rewinding"
    assert not second.tied("lr_rewinding")
    counts = {tally.technique: tally.columns for tally in verdict([first, second], name).tallies}
    assert counts == {"fine_tuning": 2, "weight_rewinding": 2, "lr_rewinding": 2}


def test_a_technique_with_replicates_still_to_run_does_not_lose(tmp_path):
    scores = SCORES | {("lr_rewinding", 4.0): (0.9, None, 0.9)}
    result = verdict(columns(grid(tmp_path, scores)), name, unfinished=True)
    assert {tally.technique: tally.share for tally in result.tallies}["lr_rewinding"] == "1 of 1"
    assert result.sentence.startswith("So far, lr rewinding is the best or tied with the best in 1 of 1 comparison; ")


def test_failed_cells_do_not_make_a_technique_look_better(tmp_path):
    """The only complete technique is the best where others have failed, but not where they are still to run."""
    replicates = {technique: [cell(technique=technique, replicate=r) for r in range(3)] for technique in TWO}
    dense = [dense_cell(replicate=r) for r in range(3)]
    done = [record_of(one, test_score=0.9) for one in (*dense, *replicates["fine_tuning"])]
    store = make_store(tmp_path, [*dense, *replicates["fine_tuning"], *replicates["lr_rewinding"]], done)
    [waiting] = read_grids(join(store).rows, None)
    assert (columns(waiting), left_out(waiting)) == ([], 1)
    assert verdict([], name, left_out(waiting)).sentence == (
        "No technique can be named: no compression has two techniques with all replicates."
    )
    for one in replicates["lr_rewinding"]:
        store.failures.write(one["trial"], Failure(outcome="diverged", reason="loss is nan"))
    [failed] = read_grids(join(store).rows, None)
    result = verdict(columns(failed), name)
    assert result.sentence == (
        "Use fine tuning: it is the best or tied with the best in 1 of 1 comparison; lr rewinding in 0 of 1. "
        "In all comparisons, failures leave one complete technique."
    )


def test_the_sentence_says_what_it_does_not_compare(tmp_path):
    lacking = {("fine_tuning", 4.0): (0.9, None, 0.9), ("weight_rewinding", 4.0): (None, 0.9, 0.9)}
    read = grid(tmp_path, SCORES | lacking)
    assert left_out(read) == 1
    sentence = verdict(columns(read), name, left_out(read)).sentence
    assert "1 of 1 comparison" in sentence
    assert sentence.endswith(" 1 more comparison is left out, because fewer than two techniques have all replicates.")


def test_a_single_replicate_is_not_advice(tmp_path):
    read = grid(tmp_path, {("fine_tuning", 2.0): (0.9,), ("lr_rewinding", 2.0): (0.8,)})
    assert verdict(columns(read), name).sentence == (
        "Fine tuning is the best or tied with the best in 1 of 1 comparison; lr rewinding in 0 of 1. "
        "With fewer than three replicates, that may be chance."
    )


def test_single_replicates_are_tied_only_if_equal(tmp_path):
    scores = {("fine_tuning", 2.0): (0.9,), ("lr_rewinding", 2.0): (0.9,), ("weight_rewinding", 2.0): (0.8999,)}
    [column] = columns(grid(tmp_path, scores))
    assert [t for t in column.techniques if column.tied(t)] == ["fine_tuning", "lr_rewinding"]
    sentence = verdict([column], name).sentence
    assert sentence.startswith("Fine tuning and lr rewinding do equally well")


def test_one_technique_leaves_nothing_to_choose(tmp_path):
    read = grid(tmp_path, {("fine_tuning", 2.0): (0.9, 0.9)})
    assert columns(read) == []
    assert verdict([], name).sentence.startswith("No technique can be named: ")


def test_reach_is_the_largest_compression_within_the_drop(tmp_path):
    read = grid(tmp_path, SCORES)
    assert reach(read, "fine_tuning", 0.0).compression == 2.0
    assert reach(read, "lr_rewinding", 0.5).compression == 2.0
    assert reach(read, "lr_rewinding", 1.0).compression == 4.0
    assert reach(read, "weight_rewinding", 0.5) is None


def test_the_pareto_front_rises_with_the_cost(tmp_path):
    read = grid(tmp_path, SCORES)
    front = pareto(read, list(read.groups.values()), lambda group: group.weights_kept)
    assert [(group.technique, group.compression) for group in front] == [
        ("lr_rewinding", 4.0) if front[0].technique == "lr_rewinding" else ("weight_rewinding", 4.0),
        ("lr_rewinding", 2.0),
    ]


def test_a_few_compressions_are_evenly_spaced_and_have_the_largest():
    assert few([2.0, 4.0]) == [2.0, 4.0]
    assert few([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]) == [3.0, 6.0, 9.0]


def test_many_intervals_at_once_are_those_of_one_at_a_time():
    samples = [[1.0, 2.0, 4.0], [3.0], [], [1.0, 1.0, 1.0], [0.5, 0.25, 0.125, 1.0], [float(i % 5) for i in range(9)]]
    for ours, sample in zip(intervals(samples), samples, strict=True):
        theirs = interval(sample) if sample else None
        assert (ours is None) == (theirs is None)
        if ours and theirs:
            assert (ours.n, ours.method) == (theirs.n, theirs.method) or len(set(sample)) == 1
            assert [ours.low, ours.high] == pytest.approx([theirs.low, theirs.high])
    pair = ({0: 1.0, 1: 2.0, 2: 4.0}, {0: 1.0, 1: 1.5, 2: 1.25})
    single, empty, welch = independent_intervals([({0: 2.0}, {0: 1.0}), ({}, {0: 1.0}), pair])
    assert (single.low, single.middle) == (None, 1.0)
    assert empty is None
    assert welch.low < welch.middle < welch.high


def test_colors_have_fixed_symmetric_limits():
    assert [color(value) for value in (-9, -0.5, -0.1, 0.0, 0.3, 5)] == ["m5", "m2", "z", "z", "p1", "p5"]


@pytest.mark.parametrize(
    ("column", "words"),
    [("prunesweep_version", "prunesweep versions"), ("device", "devices"), ("commit", "commits")],
)
def test_mixed_origins_are_warned_of(column, words):
    warnings = mixtures([{column: "a"}, {column: "b"}, {column: "a"}, {column: None}])
    assert len(warnings) == 1
    assert f"2 {words}" in warnings[0]
    assert warnings[0].endswith(": a (2), b (1).")


def test_versions_that_are_mixed_are_not_called_unrecorded(tmp_path):
    cells = [dense_cell(), cell()]
    records = [
        record_of(one, host=host, prunesweep_version=version, torch_version=version, device=host)
        for one, host, version in zip(cells, "ab", "12", strict=True)
    ]
    source = open_source(make_store(tmp_path, cells, records).location)
    trusted = trust(source, source.rows.to_pylist())
    assert trusted.facts[:2] == ["2 hosts", "one replicate"]
    assert len(trusted.warnings) == 3


def test_cells_without_a_finite_accuracy_are_counted(tmp_path):
    cells = [dense_cell(), cell()]
    records = [record_of(cells[0]), record_of(cells[1], test_score=math.nan)]
    source = open_source(make_store(tmp_path, cells, records).location)
    state = trust(source, source.rows.to_pylist()).state
    assert state == "2 of 2 cells done: the sweep is complete. The accuracy of 1 cell that is done is not finite."


def test_two_versions_of_a_data_set_are_warned_of():
    settings = '{"task": {"dataset": {"name": "cifar10", "fingerprint": "%s"}}}'
    assert mixtures([{"settings": settings % "x"}, {"settings": settings % "x"}, {"settings": "broken"}]) == []
    [warning] = mixtures([{"settings": settings % "x"}, {"settings": settings % "y"}])
    assert warning == "Results come from 2 versions of the data set cifar10: x (1), y (1)."


@pytest.fixture(scope="module")
def published():
    return parse(page(open_source("renda2020"), "network=resnet20"))


def test_the_published_study_has_a_page(published):
    reached = {tuple(line[:2]): line[2] for line in rows(table(published, "Largest compression within a drop"))}
    assert {
        (grid.rpartition(" ")[2], technique): value
        for (grid, technique), value in reached.items()
        if technique in ("fine_tuning", "lr_rewinding")
    } == {  # as in the study's own aggregation, with the budget that validation chose
        ("one_shot", "fine_tuning"): "1.25×",
        ("one_shot", "lr_rewinding"): "1.56×",
        ("iterative", "fine_tuning"): "1.25×",
        ("iterative", "lr_rewinding"): "4.77×",
    }
    assert "independent samples" in published.one("g1").text
    assert "Left out: The published results do not have learning curves." in published.one("g1").text
    assert "Versions and machines are not recorded; replicates 0 to 2." in published.one("trust").text


def test_published_results_lie_faintly_under_those_of_a_store(tmp_path):
    place = {"network": "resnet20", "dataset": "cifar10"}
    cells = [dense_cell(**place)]
    cells += [cell(**place, technique="fine_tuning", compression=c) for c in (1.25, 1.953125, 4.768371582)]
    make_store(tmp_path / "store", cells, [record_of(one, test_score=0.9) for one in cells])
    tree = parse(page(open_source(tmp_path / "store")))
    view = tree.one("g1-v1")
    assert "published medians" in view.text
    accuracy, change = (figure.all("g") for figure in view.all("figure"))
    assert len(change) == len(accuracy) + 1
