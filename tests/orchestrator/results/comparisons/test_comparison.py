from __future__ import annotations

import csv
import io
import json
import statistics
from dataclasses import replace

import pytest

import prunesweep as ps
from orchestrator.planning.crossing import Crossing
from orchestrator.planning.expand import make_plan
from orchestrator.presets import preset, presets
from orchestrator.presets.cost import first_replicate, known_facts
from orchestrator.results.comparisons.comparison import Side
from orchestrator.results.comparisons.matching import matching_cell, matching_sections
from orchestrator.results.comparisons.report import compare
from orchestrator.results.frame import join
from orchestrator.results.reference import published
from orchestrator.results.table import table
from orchestrator.sweep.spec import parse_spec
from tests.support.comparisons import RESNET20, store
from workers.errors import InputError
from workers.store import Store


def side(name, opened):
    return Side(name, join(opened).rows)


@pytest.fixture(scope="module")
def whole_study():
    return Side("renda2020", published(), "Renda and others")


@pytest.fixture(scope="module")
def study(whole_study):
    """Its ResNet-20."""
    rows = whole_study.results
    return replace(whole_study, results=rows.filter([name == "resnet20" for name in rows["network"].to_pylist()]))


UNPUBLISHED = ("digits", "translation-small")  # presets of prunesweep, which the study does not have
FIVE_ROUNDS = 1 / 0.8**5


def test_each_side_is_compared_to_the_median_of_its_dense_networks(tmp_path):
    ours = side("a", store(tmp_path / "a", {("fine_tuning", 4.0, 2): (0.79, 0.80, 0.82)}))
    theirs = side("b", store(tmp_path / "b", {("fine_tuning", 4.0, 2): (0.60, 0.58, 0.59)}, dense=(0.6, 0.61, 0.63)))
    [section] = compare(ours, theirs).sections
    [one] = section.cells
    assert (one.our_change.median, one.our_change.minimum, one.our_change.maximum) == pytest.approx((-1, -2, 1))
    assert (one.their_change.median, one.their_change.minimum, one.their_change.maximum) == pytest.approx((-2, -3, -1))
    assert one.difference == pytest.approx(1.0)
    deviation = 100 * statistics.stdev((0.6, 0.61, 0.63))
    assert (one.low, one.high) == pytest.approx((-3 - deviation, -1 + deviation))
    assert one.inside


@pytest.mark.parametrize(("loss", "inside"), [(0.0152, True), (0.0154, False), (-0.0152, True), (-0.0154, False)])
def test_inside_ends_where_their_range_and_deviation_end(tmp_path, loss, inside):
    """Their replicates lose nothing, so the range is the deviation of their dense networks alone: 1.53 points."""
    theirs = side("b", store(tmp_path / "b", {("fine_tuning", 4.0, 2): (0.81, 0.81, 0.81)}))
    ours = side("a", store(tmp_path / "a", {("fine_tuning", 4.0, 2): (0.81 - loss,) * 3}))
    [[one]] = [section.cells for section in compare(ours, theirs).sections]
    assert one.inside is inside


def test_the_study_is_theirs_whichever_way_round(tmp_path, study):
    ours = side("ours", store(tmp_path, {("lr_rewinding", FIVE_ROUNDS, 4): (0.80, 0.81, 0.82)}))
    one, other = compare(ours, study), compare(study, ours)
    assert one.to_json() == other.to_json()
    assert (one.ours.name, one.theirs.name) == ("ours", "renda2020")
    [cell_] = one.sections[0].cells
    shown = table(study.results, value="delta", filters="network=resnet20,schedule=one_shot,technique=lr_rewinding")
    published_cell = shown.sections[0].cells["lr_rewinding", cell_.theirs.compression]
    assert cell_.theirs.compression == pytest.approx(1 / 0.3277)  # the study rounds; ours is 0.8^5
    assert cell_.their_change.median == pytest.approx(published_cell.summary.median, abs=1e-9)
    assert cell_.theirs.budget == published_cell.budget


def test_cells_of_one_side_are_counted_and_named(tmp_path, whole_study):
    groups = {("lr_rewinding", at, 4): (0.80, 0.81, 0.82) for at in (1.25, 16.0)}
    groups |= {("cyclic_lr_restarting", 1.25, 4): (0.80, 0.81, 0.82)}
    text = compare(side("ours", store(tmp_path, groups)), whole_study).to_text()
    assert "Only in ours, 2 cells: lr_rewinding 16×; cyclic_lr_restarting 1.25×" in text
    assert "Only in theirs, 49 cells: fine_tuning 1.25× 1.56×" in text
    assert "Grids only in theirs, 703 cells: resnet20 · magnitude · iterative (40); resnet56" in text
    assert "of 1 cell compared" in text


def test_the_rows_are_a_full_join(tmp_path, whole_study):
    groups = {("lr_rewinding", 1.25, 4): (0.80, 0.81, 0.82), ("lr_rewinding", 16.0, 4): (0.80, 0.81, 0.82)}
    rows = compare(side("ours", store(tmp_path, groups)), whole_study).rows()
    assert sum(row["theirs_n"] is not None for row in rows) == 753
    assert [row["status"] for row in rows if row["ours_n"] is not None] == ["compared", "only_ours"]
    assert {row["unit"] for row in rows} == {"points", "BLEU"}
    for row in (row for row in rows if row["ours_n"] is not None):
        assert (row["ours_dense_median"], row["ours_dense_steps"]) == (pytest.approx(81.0), 1563)
        assert (row["theirs_dense_median"], row["theirs_dense_steps"]) == (pytest.approx(91.725), 71108)
    alone = next(row for row in rows if row["network"] == "resnet50")
    assert (alone["ours_dense_median"], alone["theirs_dense_median"]) == (None, pytest.approx(76.16, abs=0.2))


def test_a_cell_is_not_compared_before_its_replicates_are_there(tmp_path, study):
    groups = {("lr_rewinding", 1.25, 4): (0.80, 0.81, 0.82), ("fine_tuning", 1.25, 4): (0.80, 0.81, 0.82)}
    opened = store(tmp_path, groups, missing={("lr_rewinding", 1.25, 2)})
    found = compare(side("ours", opened), study)
    assert [one.ours.technique for one in found.sections[0].cells] == ["fine_tuning"]
    assert "Replicates missing on either side, 1 cell: lr_rewinding 1.25×" in found.to_text()
    assert [row["ours_n"] for row in found.rows() if row["status"] == "unfinished"] == [2]


def test_a_short_training_is_said_plainly(tmp_path, study):
    ours = side("ours", store(tmp_path / "a", {("lr_rewinding", 1.25, 4): (0.80, 0.81, 0.82)}))
    assert "Ours trains its dense network for 1,563 steps, theirs for 71,108 (2.2%)." in compare(ours, study).to_text()
    place = RESNET20 | {"dense_step": 71108}
    full = side("ours", store(tmp_path / "b", {("lr_rewinding", 1.25, 4): (0.80, 0.81, 0.82)}, place=place))
    assert "Ours trains" not in compare(full, study).to_text()


@pytest.mark.parametrize(
    ("budget", "ours", "theirs"),
    [("longest", "4ep", "182ep"), ("100%", "4ep", "182ep"), ("50%", "2ep", "90ep"), ("single", "2ep", "150ep")],
)
def test_budgets_are_the_same_share_of_each_sides_training(tmp_path, study, budget, ours, theirs):
    groups = {("weight_rewinding", 1.25, length): (0.80, 0.81, 0.82) for length in (2, 4)}
    [one] = compare(side("ours", store(tmp_path, groups)), study, budget=budget).sections[0].cells
    assert (one.ours.budget, one.theirs.budget) == (ours, theirs)


def test_a_budget_that_one_side_lacks_names_that_side(tmp_path, study):
    ours = side("mine", store(tmp_path, {("lr_rewinding", 1.25, 4): (0.80, 0.81, 0.82)}))
    with pytest.raises(InputError, match=r"`mine`: no cell has the budget `150ep`(?s:.*)4ep"):
        compare(ours, study, budget="150ep")


def test_nothing_in_common_says_what_each_side_has(tmp_path, study):
    digits = {"dataset": "digits", "network": "resnet8(width=8)"}
    ours = side("mine", store(tmp_path, {("lr_rewinding", 4.0, 4): (0.8, 0.8, 0.8)}, place=digits))
    with pytest.raises(InputError) as raised:
        compare(ours, study)
    text = str(raised.value)
    assert "`mine` and `renda2020` have no cell in common" in text
    assert "  digits · resnet8(width=8) · default · magnitude · one_shot · accuracy: lr_rewinding at 4×" in text
    assert "  cifar10 · resnet20 · renda2020 · magnitude · iterative · accuracy: fine_tuning, weight_rewinding" in text


@pytest.mark.parametrize(
    "name", [name for name in presets() if name not in UNPUBLISHED and not name.startswith("vgg16")]
)
def test_every_cell_of_a_preset_has_its_published_cell(tmp_path, whole_study, name):
    spec = parse_spec(preset(name).text)
    plan = make_plan(Crossing.of(first_replicate(spec), known_facts(preset(name), spec)))
    planned = Store(tmp_path, create=True)
    planned.sweeps.add(name, {"spec": spec.canonical()}, plan.table())
    [section] = table(join(planned).rows).sections
    filters = {name: getattr(section, name) for name in ("network", "pruning", "schedule")}
    [(ours, theirs)] = matching_sections([section], table(whole_study.results, filters=filters).sections)
    matched = [matching_cell(cell_, theirs) for cell_ in ours.cells.values()]
    assert None not in matched
    assert len({id(cell_) for cell_ in matched}) == len(theirs.cells)
    assert len(ours.budgets) == len(theirs.budgets)


def test_the_study_equals_itself(whole_study):
    found = compare(whole_study, whole_study)
    cells = [one for section in found.sections for one in section.cells]
    assert len(cells) == 753
    assert all(one.inside and one.difference == 0 for one in cells)


def test_every_format_shows_the_cells(tmp_path, study):
    groups = {("lr_rewinding", FIVE_ROUNDS, 4): (0.80, 0.81, 0.82)}
    found = compare(side("ours", store(tmp_path, groups)), study, filters="schedule=one_shot,network=resnet20")
    shown = {name: getattr(found, f"to_{name}")() for name in ("text", "markdown", "csv", "latex", "json")}
    line = next(line for line in shown["text"].splitlines() if line.startswith("lr_rewinding"))
    assert line.split()[:5] == ["lr_rewinding", "3.05×", "+0.00", "[-1.00,", "+1.00]"]
    assert "| lr_rewinding | 3.05× | +0.00 [-1.00, +1.00] 4ep |" in shown["markdown"]
    assert r"LR rewinding & 3.05$\times$ & $+$0.00 {\scriptsize [$-$1.00, $+$1.00]} 4ep &" in shown["latex"]
    assert r"ours $-$ \\ theirs" in shown["latex"]  # pdflatex refuses the Unicode minus
    [row] = [row for row in csv.DictReader(io.StringIO(shown["csv"])) if row["status"] == "compared"]
    [same] = [row for row in json.loads(shown["json"])["cells"] if row["status"] == "compared"]
    assert float(row["difference"]) == same["difference"]
    assert same["difference"] == pytest.approx(same["ours_median"] - same["theirs_median"])


def test_the_command_prints_the_format_asked_for(main, tmp_path):
    store(tmp_path / "ours", {("lr_rewinding", FIVE_ROUNDS, 4): (0.80, 0.81, 0.82)})
    arguments = ["compare", "renda2020", tmp_path / "ours", "--network", "resnet20", "--budget", "longest", "--json"]
    code, stdout, stderr = main(*arguments)
    assert (code, stderr) == (0, "")
    assert json.loads(stdout)["theirs"] == "renda2020"
    code, stdout, stderr = main("compare", tmp_path / "ours", "renda2020", "--network", "vgg16")
    assert (code, stdout) == (2, "")
    assert "no cell matches `network=vgg16`" in stderr


def test_the_python_api_compares_stores_by_name(tmp_path):
    store(tmp_path / "ours", {("lr_rewinding", FIVE_ROUNDS, 4): (0.80, 0.81, 0.82)})
    found = ps.compare(tmp_path / "ours", "renda2020", filters={"network": "resnet20"})
    assert "Renda, Frankle, Carbin" in str(found)
    assert len(found.to_frame()) == len(found.rows()) == 90


def test_unreadable_records_of_either_store_are_named(main, tmp_path):
    groups = {("lr_rewinding", 4.0, 4): (0.8, 0.8, 0.8), ("fine_tuning", 4.0, 4): (0.8, 0.8, 0.8)}
    store(tmp_path / "a", groups)
    damaged = next((tmp_path / "a" / "results").glob("*fine_tuning*"))
    store(tmp_path / "b", groups)
    damaged.write_bytes(b"cut off")
    code, stdout, stderr = main("compare", tmp_path / "b", tmp_path / "a")
    assert code == 3
    assert "lr_rewinding" in stdout
    assert str(tmp_path / "a") in stderr
    assert damaged.name in stderr


def test_html_has_a_caption_and_names_each_line(tmp_path):
    groups = {("lr_rewinding", 4.0, 4): (0.80, 0.81, 0.82), ("fine_tuning", 4.0, 4): (0.80, 0.81, 0.82)}
    opened = store(tmp_path, groups)
    text = compare(side("<ours>", opened), side("theirs", opened)).to_html()
    assert "<p>ours: &lt;ours&gt;</p>" in text
    assert "<caption>resnet20 · magnitude · one_shot. ours (cifar10(root=data), recipe short): dense network:" in text
    assert '<th scope="col">ours − theirs</th>' in text
    assert '<tr><th scope="row">fine_tuning</th><th scope="row">4×</th><td>+0.00 [-1.00, +1.00] 4ep</td>' in text
    assert text.count("<tr>") == 3


def test_a_narrow_terminal_repeats_what_names_a_line(tmp_path):
    opened = store(tmp_path, {("lr_rewinding", 4.0, 4): (0.80, 0.81, 0.82)})
    found = compare(side("a", opened), side("b", opened))
    headers = [line.split() for line in found.to_text(width=60).splitlines() if line.startswith("technique")]
    assert headers == [
        ["technique", "compression", "ours"],
        ["technique", "compression", "theirs"],
        ["technique", "compression", "ours", "−", "theirs", "inside"],
    ]
    assert sum(line.startswith("lr_rewinding") for line in found.to_text(width=60).splitlines()) == 3
