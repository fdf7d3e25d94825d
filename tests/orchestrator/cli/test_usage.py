"""Mistakes in a command line are reported all at once, each with the nearest name."""

from __future__ import annotations

import pytest

from orchestrator.cli import _spelled_out


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (
            ["table", "--value", "acuracy", "--budgt", "5", "--format=txt"],
            [
                "unknown option: `--budgt`\n\nhint: did you mean `--budget`?",
                "unknown value of `--value`: `acuracy`\n\nhint: did you mean `accuracy`? "
                "Use one of score, accuracy, delta\n",
                "unknown value of `--format`: `txt`\n\nhint: did you mean `text`?",
            ],
        ),
        (
            ["run", "x.yaml", "--cpus", "0", "--max-concurrent", "two", "--stop-after", "soon"],
            [
                "`--cpus` must be a whole number of at least 1: 0",
                "`--max-concurrent` must be a whole number of at least 1: two",
                "`soon` is not a length of time",
            ],
        ),
        (
            ["prune", "--replicates", "101"],
            [
                "`SWEEP` must be given\n\nhint: `prunesweep prune --help` lists the arguments",
                "`--tolerance` must be given",
                "`--replicates` must be a whole number from 1 to 100: 101",
            ],
        ),
        (["prune", "tiny.yaml", "--tolerance"], ["`--tolerance` needs a value"]),
        (["run", "."], ["cannot read `.`: Is a directory\n\nhint: name a sweep file; `prunesweep resume STORE`"]),
        (
            ["run", "missing.yaml", "--only", "tecnique=a,compression>=b", "--in-process", "--cpus", "2", "--gpus=0"],
            [
                "`--cpus` cannot be combined with `--in-process`",
                "`--gpus` cannot be combined with `--in-process`",
                "unknown column: `tecnique`\n\nhint: did you mean `technique`?",
                "cannot read a number in `compression>=b`: `b`",
                "cannot read `missing.yaml`",
            ],
        ),
        (
            ["run", "missing.yaml", "--address", "local", "--wait-for-resources"],
            ["`--wait-for-resources` needs `--address`: no node joins the local Ray that a run starts", "missing.yaml"],
        ),
        (
            ["run", "missing.yaml", "--address", "head:6379", "--cpus", "2", "--gpus=0", "--wait-for-resources"],
            [
                "`--cpus` cannot be combined with `--address` or $RAY_ADDRESS: it is for a local Ray",
                "`--gpus` cannot be combined with `--address` or $RAY_ADDRESS: it is for a local Ray\n\nhint: use "
                "`--address local` to run on this machine, or `--max-concurrent` to run fewer trials at once",
                "cannot read `missing.yaml`",
            ],
        ),
        (
            ["resume", ".", "--retry-failed", "io,diverge,oom"],
            ["failed trial: `diverge`\n\nhint: did you mean `diverged`?", "failed trial: `oom`"],
        ),
        (
            ["plan", "--preset", "digts", "--scale", "2", "--dataset", "digits", "--data", "x"],
            [
                "unknown preset: `digts`\n\nhint: did you mean `digits`?",
                "`--scale` must be from 0.00001 to 1: `2`",
                "`--data` cannot be combined with `--dataset`",
            ],
        ),
        (["plan", "x.yaml", "--scale", "0.1", "--on-cpu"], ["`--scale` is for presets", "`--on-cpu` is for presets"]),
        (["table", "--only", "a", "--only=b"], ["`--only` cannot be given more than once"]),
        (["run", "missing.yaml", "--track", "x:y", "--track=z:y"], ["tracker: `x`", "tracker: `z`", "`missing.yaml`"]),
        (["table", "--budget"], ["`--budget` needs a value"]),
        (["headline", "--tol", "1"], ["unknown option: `--tol`\n\nhint: did you mean `--tolerance`?"]),
        (["headline", "--verbose"], ["unknown option: `--verbose`\n\nhint: use one of --"]),
        (["table", "--json=3"], ["`--json` does not take a value"]),
        (["status", "a", "b", "c"], ["too many arguments: b c"]),
        (["tabel"], ["unknown command: `tabel`\n\nhint: did you mean `table`?"]),
        (["--verbose"], ["No such option: --verbose"]),
        (
            ["table", "renda2020", "--only", "tecnique=a", "--budget", "bst"],
            ["unknown column: `tecnique`", "no cell has the budget `bst`\n\nhint: did you mean `best`?"],
        ),
        (
            ["table", "renda2020", "--network", "resnt20"],
            ["no cell matches `network=resnt20`\n\nhint: `network` is one of: ", "(did you mean `resnet20`?)"],
        ),
    ],
    ids=lambda value: " ".join(value) if value and value[0].islower() else "",
)
def test_all_mistakes_are_reported(main, monkeypatch, tmp_path, arguments, messages):
    monkeypatch.chdir(tmp_path)
    code, stdout, stderr = main(*arguments)
    assert (code, stdout) == (2, "")
    for message in messages:
        assert message in stderr
    assert stderr.count("error: ") == len([message for message in messages if not message.startswith("(")])


def test_the_last_words_of_unknown_options_are_not_separate_mistakes(main):
    code, _, stderr = main("status", "store", "--tint", "red")
    assert (code, stderr.count("error: ")) == (2, 1)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--retry-failed"], ["--retry-failed=all"]),
        (["--retry-failed", "runs/x"], ["--retry-failed=all", "runs/x"]),
        (["--retry-failed", "diverged,io", "runs/x"], ["--retry-failed=diverged,io", "runs/x"]),
        (["--retry-failed=io", "--cpu"], ["--retry-failed=io", "--on-cpu"]),
        (["--retry-failed", "--cpu"], ["--retry-failed=all", "--on-cpu"]),
    ],
)
def test_failed_trials_are_named_or_all_are_meant(words, meant):
    assert _spelled_out(words) == meant
