"""Everything known of a cell, and a sweep as a file."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

import prunesweep as ps
from orchestrator.planning.crossing import Crossing
from orchestrator.planning.expand import make_plan
from orchestrator.presets import preset, presets
from orchestrator.presets.cost import known_facts
from orchestrator.sweep.file_text import file_text
from orchestrator.sweep.spec import parse_spec, spec_from_dict
from orchestrator.upkeep.cell_text import sparkline
from tests.support.records import cell, dense_cell, record_of
from tests.support.records import cells_table as table_of
from tests.support.sweeps import sweep
from workers.errors import InputError
from workers.store import Store
from workers.store.failures import Failure
from workers.trial import Stop

DENSE = dense_cell(replicate=0)
FIRST = cell(technique="lr_rewinding", compression=2.0, schedule="iterative", trial="aaaa1111")
SECOND = cell(
    technique="lr_rewinding",
    compression=4.0,
    schedule="iterative",
    round=2,
    trial="aaab2222",
    lineage=["dense_0", "aaaa1111"],
    search_cost_epochs=20.0,
)
DIVERGED = cell(technique="fine_tuning", compression=9.3132, trial="cccc3333")
BLOCKED = cell(technique="fine_tuning", compression=16.0, trial="dddd4444", lineage=["dense_0", "cccc3333"])
MISSING = cell(technique="reinitialization", compression=16.0, trial="eeee5555")
BEGUN = cell(technique="weight_rewinding", compression=16.0, trial="ffff6666")
LAYERS = [
    {"layer": "conv", "weights": 100, "kept": 25, "multiply_adds": 1e3},
    {"layer": "fc", "weights": 10, "kept": 0, "multiply_adds": 10.0},
]
CURVE = [
    {"step": step, "learning_rate": 0.1, "train_loss": 1 / step, "train_accuracy": step / 4} for step in (1, 2, 3, 4)
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = Store(tmp_path_factory.mktemp("show") / "store", create=True)
    cells = [DENSE, FIRST, SECOND, DIVERGED, BLOCKED, MISSING, BEGUN]
    recipe = {"name": "default", "duration": "16ep", "batch_size": 128}
    made.sweeps.add("digits", {"name": "digits", "spec": {"recipe": [recipe]}}, table_of(cells))
    for one, accuracy in ((DENSE, 0.95), (FIRST, 0.94), (SECOND, 0.925)):
        record = record_of(
            one, test_score=accuracy, host="gpu-3", started_at=datetime(2025, 1, 1, 12, 0, 7, tzinfo=UTC)
        )
        r2 = {
            "metric": "r2",
            "metric_unit": "",
            "higher_is_better": True,
            "validation_score": None,
            "test_score": 0.4594,
        }
        record["other_scores"] = [r2]
        made.records.publish(record, {"layers": LAYERS, "curve": CURVE})
    made.states.write_checkpoint(Stop("aaab2222", 100), b"12345")
    made.states.write_partial(Stop("ffff6666", 50), b"123")
    failure = Failure(outcome="diverged", reason="the loss is nan\nmore", hint="lower the rate", step=3, host="gpu-7")
    made.failures.write("cccc3333", failure)
    made.failures.write_failed_attempts("cccc3333", {"lost_worker": 2, "diverged": 1})
    return made.location


@pytest.mark.parametrize(
    "name",
    [
        "aaab2222",
        "aaab",
        "aaab2222@100",
        "taaab2222",  # as in exported CSV files
        "lr_rewinding 4× 10ep, round 2, replicate 0",  # as status prints it
        "lr_rewinding 4x",
        "resnet8 · default · lr_rewinding 4× 10ep",
        "technique=lr_rewinding,compression=4",
    ],
)
def test_a_cell_is_named_in_many_ways(store, name):
    assert ps.show(store, name).cell["trial"] == "aaab2222"


def test_a_name_must_pick_one_cell(store):
    with pytest.raises(
        InputError, match=r"`aaa` must pick one cell, but picks 2; they differ in `compression` \(2, 4\)"
    ):
        ps.show(store, "aaa")
    for name in ("lr_rewinding 5×", "lr_rewinding 4× 10ep replicate 7", "zzz"):
        with pytest.raises(InputError, match="has no cell"):
            ps.show(store, name)
    with pytest.raises(InputError, match="no cell matches"):
        ps.show(store, "technique=lr_rewinding,compression=5")


def test_a_compression_may_be_rounded_as_in_tables(store):
    for name in ("fine_tuning 9.31×", "fine_tuning 9.313×"):
        assert ps.show(store, name).cell["trial"] == "cccc3333"


def test_all_of_a_cell_that_is_done(store):
    shown = ps.show(store, "aaab2222")
    assert (shown.state, shown.failure, shown.unreadable) == ("done", None, {})
    assert [(link.trial, link.done, link.score) for link in shown.chain] == [
        ("dense_0", True, 0.95),
        ("aaaa1111", True, 0.94),
        ("aaab2222", True, 0.925),
    ]
    assert shown.result["delta_test_score"] == pytest.approx(-2.5)
    assert shown.cost["search_cost_epochs"] == 20.0
    assert shown.recipe["duration"] == "16ep"
    assert shown.files["checkpoints/aaab2222/00000100.safetensors"] == 5
    assert sum(path.startswith(("results/", "details/")) for path in shown.files) == 1
    text = str(shown)
    assert shown._repr_html_().startswith("<pre")
    for line in (
        "lr_rewinding 4× 10ep, round 2, replicate 0: done",
        "digits · resnet8 · default · magnitude · iterative",
        "test accuracy 92.50% (dense 95.00%, change -2.50 points), loss 0.31, 8,000 examples",
        "test R² 0.4594, validation undefined",
        "training loss      █▃▂▁  1 to 0.25",
        "training accuracy  ▁▃▆█  25.00% to 100.00%",
        "on gpu-3 (cpu, avx2), 1 thread, 1 rank",
        "2025-01-01 12:00:07 UTC",
        "duration: 16ep",
        "search cost: 20 epochs of retraining",
    ):
        assert line in text, line
    conv, fc = (line.split() for line in text.splitlines() if "weights" in line and "of" in line and "kept" not in line)
    assert conv == ["conv", "█████", "25.0%", "25", "of", "100", "weights"]
    assert fc[:2] == ["fc", "collapsed"]


def test_a_failed_cell_says_why_and_how_often(store):
    shown = ps.show(store, "cccc3333")
    assert shown.state == "failed"
    assert shown.failed_attempts == {"lost_worker": 2, "diverged": 1}
    text = str(shown)
    assert "diverged at step 3 on gpu-7: the loss is nan\n" in text
    assert "hint: lower the rate" in text
    assert "failed attempts: 1 diverged, 2 lost_worker" in text


def test_cells_that_are_not_done(store):
    assert ps.show(store, "eeee").state == "missing"
    assert ps.show(store, "ffff").state == "unfinished"
    blocked = ps.show(store, "dddd")
    assert blocked.state == "blocked"
    assert "waits for trial cccc3333: diverged" in str(blocked)
    assert "Result" not in str(blocked)


def test_a_damaged_detail_is_named_and_the_rest_is_shown(store, tmp_path):
    copy = Store(tmp_path / "store", create=True)
    copy.sweeps.add("digits", {"name": "digits"}, table_of([DENSE]))
    copy.records.publish(record_of(DENSE), {"layers": LAYERS, "curve": CURVE})
    copy.records.consolidate()
    [(path, size)] = copy.files.sizes("results").items()
    copy.files.write(path, b"x" * size)
    shown = ps.show(copy.location, "dense_0")
    assert (shown.state, shown.layers, list(shown.unreadable)) == ("done", [], [path])


def test_the_command_prints_text_json_and_errors(store, main, monkeypatch):
    code, stdout, stderr = main("show", store, "aaab")
    assert (code, stderr) == (0, "")
    assert stdout.startswith("lr_rewinding 4× 10ep, round 2, replicate 0: done\n")
    data = json.loads(main("show", store, "aaab", "--json")[1])
    assert data["run"]["started_at"] == "2025-01-01T12:00:07+00:00"
    assert data["chain"][0]["trial"] == "dense_0"
    monkeypatch.setenv("PRUNESWEEP_STORE", store)
    assert main("show", "aaab")[1] == stdout
    code, stdout, stderr = main("show", store)
    assert (code, stdout) == (2, "")
    assert "no cell given for store: " in stderr


@pytest.mark.parametrize(
    ("values", "line"),
    [([1.0, 2.0], "▁█"), ([3.0, 3.0], "▁▁"), ([0.0], "▁"), ([float(number) for number in range(8)], "▁▂▃▄▅▆▇█")],
)
def test_sparklines(values, line):
    assert sparkline(values) == line


def test_a_long_curve_keeps_its_ends():
    line = sparkline([float(number) for number in range(1000)], width=10)
    assert (len(line), line[0], line[-1]) == (10, "▁", "█")


def test_a_sweep_is_printed_as_a_file(tmp_path, main):
    golden = tmp_path / "golden"
    shutil.copytree(Path(__file__).parents[2] / "golden" / "store-v2", golden)
    code, text, stderr = main("show", golden, "--sweep", "golden")
    assert (code, stderr) == (0, "")
    assert text.startswith("# Sweep 0001-golden of ")
    assert text == ps.sweep_file(golden)
    (tmp_path / "sweep.yaml").write_text(text, "utf-8")
    kept = Store(golden).sweeps.read("0001-golden")["spec"]
    assert ps.load(tmp_path / "sweep.yaml").canonical() == spec_from_dict(kept).canonical()
    assert main("show", golden, "--sweep", "other")[0] == 2
    assert main("show", golden, "--sweep", "golden", "--json")[0] == 2


def test_a_printed_sweep_gives_the_same_trials():
    chosen = preset("resnet20-one-shot")
    spec = parse_spec(chosen.text)
    printed = parse_spec(file_text(spec.canonical(), ""))
    plans = [make_plan(Crossing.of(one, known_facts(chosen, one))) for one in (spec, printed)]
    assert plans[0].table().equals(plans[1].table())
    assert plans[0].trials.keys() == plans[1].trials.keys()


@pytest.mark.parametrize("name", presets())
def test_the_file_of_a_preset_reads_back(name):
    spec = parse_spec(presets()[name].text)
    assert parse_spec(file_text(spec.canonical(), "two\nlines")) == spec


def test_names_that_yaml_takes_for_something_else_read_back():
    spec = spec_from_dict(sweep(name="1e3", description="yes: # no\n'quoted' – ×"))
    text = file_text(spec.canonical(), "")
    assert parse_spec(text).canonical() == spec.canonical()
