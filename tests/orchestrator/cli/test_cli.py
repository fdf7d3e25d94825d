"""The command line's manners: errors, exit codes, what is printed where, and how quickly it starts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import prunesweep as ps
from orchestrator import cli
from orchestrator.cli.output import failed_trials, finish
from tests.support.records import cell, dense_cell, make_store, record_of
from workers.errors import InputError
from workers.text import duration, parse_duration, plural, size


def test_init_writes_a_sweep_that_loads(main, tmp_path):
    path = tmp_path / "sweep.yaml"
    assert main("init", path)[0] == 0
    assert ps.load(path).name == "digits"
    code, _, stderr = main("init", path)
    assert (code, "--force" in stderr) == (2, True)
    assert main("init", path, "--force")[0] == 0


def test_mistakes_in_a_sweep_file_are_all_shown(main, tmp_path):
    path = tmp_path / "sweep.yaml"
    main("init", path)
    text = path.read_text().replace("[4, 8, 16, 32]", "[4, 0.5]").replace("lr_rewinding, low", "lr_rewindding, low")
    path.write_text(text)
    code, stdout, stderr = main("plan", path)
    assert (code, stdout) == (2, "")
    assert stderr.count("error: ") == 2
    assert "did you mean `lr_rewinding`?" in stderr
    assert f"error: {path}:19:" in stderr
    assert f"error: {path}:20:" in stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["status", "nowhere"], 4, "is not a prunesweep store"),
        (["table", "nowhere"], 4, "is not a prunesweep store"),
        (["resume", "nowhere"], 4, "is not a prunesweep store"),
        (["plan", "missing.yaml"], 2, "cannot read"),
        (["list", "tecniques"], 2, "did you mean `techniques`"),
        (["run", "missing.yaml", "--stop-after", "soon"], 2, "`soon` is not a length of time"),
        (["status", __file__], 4, "hint: name a directory; a sweep file names its own under `store:`"),
        (["plan"], 2, "no sweep"),
        (["run", "missing.yaml", "--preset", "digits"], 2, "give a sweep file or `--preset`, not both"),
        (["plan", "missing.yaml", "--scale", "0.1"], 2, "`--scale` is for presets"),
        (["run", "missing.yaml", "--on-cpu"], 2, "`--on-cpu` is for presets"),
        (["run", "--preset", "vgg16-one-shot"], 2, "CIFAR-10 not found in `data`"),
        (["run", "--preset", "resnet34-structured-a", "--data", "x"], 2, "ImageNet not found in `x`"),
    ],
)
def test_bad_input_exits_with_its_code_and_says_why(main, monkeypatch, tmp_path, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    found, stdout, stderr = main(*arguments)
    assert (found, stdout) == (code, "")
    assert message in stderr
    assert stderr.startswith("error: ")
    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("techniques", "lr_rewinding"),
        ("networks", "resnet56"),
        ("datasets", "digits"),
        ("scores", "magnitude"),
        ("distributions", "erk"),
        ("structures", "filters"),
    ],
)
def test_list_names_what_a_sweep_can_ask_for(main, what, expected):
    code, stdout, _ = main("list", what, "--json")
    assert code == 0
    assert expected in json.loads(stdout)


@pytest.mark.parametrize(
    ("failed", "held_up", "said"),
    [
        (1, 1, "1 trial failed (1 lost_worker), holding up 1 cell"),
        (1200, 0, "1,200 trials failed (1200 lost_worker)"),
    ],
)
def test_counts_of_failed_trials_agree(failed, held_up, said):
    outcomes = {"lost_worker": failed}
    summary = ps.Summary(cells_done=0, cells=1, failed=failed, cells_held_up=held_up, outcomes=outcomes)
    assert failed_trials(summary) == said


@pytest.mark.parametrize(("held_up", "code"), [(1, 130), (2, 3)])
def test_a_run_that_its_time_limit_ends_is_interrupted_unless_all_cells_left_wait_for_failed_trials(
    held_up, code, capsys
):
    """A batch job repeats it for as long as the code is 130."""
    counts = {"cells_done": 1, "cells": 3, "failed": 1, "cells_held_up": held_up, "outcomes": {"diverged": 1}}
    with pytest.raises(SystemExit) as ended:
        finish(lambda: ps.Summary(**counts, out_of_time=True), "store")
    assert ended.value.code == code
    assert ("done\nStopped by `--stop-after`\n1 trial failed" in capsys.readouterr().err) == (code == 130)


@pytest.mark.parametrize(("signal", "cells_done", "code"), [(15, 1, 143), (None, 2, 3)])
def test_a_run_that_is_interrupted_says_so_by_its_code_also_where_a_file_was_skipped(signal, cells_done, code, capsys):
    with pytest.raises(SystemExit) as ended:
        finish(lambda: ps.Summary(cells_done=cells_done, cells=2, signal=signal, unreadable={"a": "why"}), "store")
    assert (ended.value.code, "warning: skipped why" in capsys.readouterr().err) == (code, True)


def test_every_command_has_a_help_text():
    for command in cli.app.registered_commands:
        name = command.name or command.callback.__name__
        assert CliRunner().invoke(cli.app, [name, "--help"]).exit_code == 0


def test_the_help_of_run_groups_its_options():
    text = CliRunner().invoke(cli.app, ["run", "--help"]).stdout
    titles = re.findall(r"─ ([A-Z][\w ]+) ─", text)
    assert titles == [
        "Arguments",
        "Options",
        "What to run",
        "Where",
        "When to stop",
        "Whom to tell",
        "Presets",
        "Output",
    ]
    ungrouped = text[text.index("─ Options ─") : text.index("─ What to run ─")]
    assert set(re.findall(r"--[a-z-]+", ungrouped)) == {"--help"}


def test_reading_commands_bring_in_neither_torch_nor_ray(tmp_path):
    make_store(tmp_path / "store", [dense_cell(), cell()], [record_of(dense_cell()), record_of(cell())])
    for command in ("status", "table"):
        code = (
            "import sys; from orchestrator.cli import app\n"
            f"app(['{command}', {str(tmp_path / 'store')!r}], standalone_mode=False)\n"
            "print([m for m in ('torch', 'ray', 'matplotlib') if m in sys.modules])"
        )
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert found.stdout.splitlines()[-1] == "[]"


def test_lengths_of_time_sizes_and_counts():
    assert parse_duration("1h30min") == 5400
    assert parse_duration("2d") == 172_800
    assert parse_duration("0.5 h") == 1800
    for text in ("soon", "5", "3x", "h", "1..5h"):
        with pytest.raises(InputError, match="not a length of time"):
            parse_duration(text)
    assert [duration(seconds) for seconds in (5, 100, 7200, 12_000, 190_000)] == [
        "5 s", "2 min", "2 h", "3 h 20 min", "2 d 5 h",
    ]  # fmt: skip
    assert [size(count) for count in (5, 1500, 25_400_000)] == ["5 bytes", "1.5 kB", "25.4 MB"]
    assert plural(1, "city") == "1 city"
    assert [plural(2, noun) for noun in ("row", "city", "day", "patch")] == [
        "2 rows",
        "2 cities",
        "2 days",
        "2 patches",
    ]


def test_the_papers_preset_plans_to_the_papers_steps(main, tmp_path):
    path = tmp_path / "paper.yaml"
    assert main("init", path, "--preset", "resnet20-one-shot")[0] == 0
    code, stdout, _ = main("plan", path, "--store", tmp_path / "none")
    assert code == 0
    assert "40,552,194" in stdout
    assert "186,122,250" in stdout
    assert "1,503 cells" in stdout


def test_unknown_presets_are_refused_with_the_known_ones(main, tmp_path):
    code, _, stderr = main("init", tmp_path / "x.yaml", "--preset", "resnet20")
    assert code == 2
    assert "did you mean `resnet20-one-shot`?" in stderr


@pytest.mark.parametrize("on_cpu", ["--on-cpu", "--cpu"])  # the second is its older name
def test_init_writes_a_scaled_preset(main, tmp_path, on_cpu):
    path = tmp_path / "small.yaml"
    words = ["--preset", "resnet110-structured-b", "--scale", "1/50", "--dataset", "synthetic", on_cpu]
    assert main("init", path, *words)[0] == 0
    spec = ps.load(path)
    assert (spec.name, spec.resources.gpus) == ("resnet110-structured-b-scale-0.02-synthetic", 0)
    assert spec.grids[0].levels == (1, 3, 5)
    assert path.read_text().startswith("# resnet110-structured-b at scale 0.02:\n")


def test_presets_are_listed_with_their_costs(main):
    code, stdout, _ = main("list", "presets")
    assert code == 0
    [line] = [line for line in stdout.splitlines() if line.startswith("resnet20-one-shot ")]
    assert line.split()[1:4] == ["1,503", "103,814", "476,473"]  # 40,552,194 and 186,122,250 steps of 390.625
    code, stdout, _ = main("list", "presets", "--json")
    assert len(json.loads(stdout)) == 20
    assert round(json.loads(stdout)["resnet50-iterative"]["epochs"] * 1281167 / 1024) == 54_217_419


def test_the_version_is_printed(main):
    assert main("--version") == (0, f"prunesweep {ps.__version__}\n", "")


def test_a_suggested_command_quotes_a_store_with_spaces(capsys):
    summary = SimpleNamespace(cells_done=1, cells=2, failed=0, out_of_time=False, unreadable={}, exit_code=0)
    with pytest.raises(SystemExit):
        finish(lambda: summary, "my store")
    assert "prunesweep resume 'my store'" in capsys.readouterr().err
