"""What people see while a sweep runs, at every width, on a terminal and in a log."""

from __future__ import annotations

import io
import os
from dataclasses import replace

import pytest
from rich.console import Console

from orchestrator.driver.progress.display import Display
from orchestrator.driver.progress.standing import RunningTrial, Standing, end_line, how_far_in_words
from orchestrator.tracking.events import Subject, TrialEnded, TrialRetried

WIDTHS = [60, 80, 100, 160]
SUBJECT = Subject(
    trial="0123456789abcdef0123",
    cell="low_lr_weight_rewinding 16× 90%, round 4, replicate 0",
    place="resnet20 · default",
    steps=1200,
    steps_per_epoch=100.0,
)
STANDING = Standing(
    done=11_234,
    total=22_590,
    running=2,
    waiting=20_000,
    failed=12,
    blocked=3,
    seconds_left=12_000.0,
    trials=[RunningTrial(SUBJECT, 320, 0.12345, 40.0), RunningTrial(SUBJECT)],
)


def terminal(width):
    return Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False, color_system=None)


def shown(display_of, width):
    """The lines that a live display has drawn last."""
    console = terminal(width)
    display = Display(console=console, with_place=True)
    display_of(display)
    return [line.split("\r")[-1] for line in console.file.getvalue().split("\n")]


@pytest.mark.parametrize("width", WIDTHS)
def test_counts_failures_and_the_time_left_are_shown_at_every_width(width):
    lines = shown(lambda display: (display.start(lambda: STANDING), display.stop(lambda: STANDING)), width)
    [bar, *_] = [line for line in lines if "cells" in line]
    bar = bar.removeprefix("\x1b[?25l")  # hides the cursor
    assert bar.startswith("11,234/22,590 cells ")
    for vital in ("11,234/22,590 cells", "12 failed", "about 3 h 20 min left", "━"):
        assert vital in bar
    assert len(bar) <= width
    assert ("20,000 waiting" in bar) == (width >= 100)


@pytest.mark.parametrize("width", WIDTHS)
def test_what_runs_is_shown_with_epoch_loss_and_time_left(width):
    running, starting = STANDING.trial_lines(width, with_place=True)
    assert running.endswith("  epoch 3.2 of 12 · loss 0.1235 · 40 s left")
    assert starting.endswith("  starting")
    assert max(len(running), len(starting)) <= width
    assert ("replicate 0" in running) == (width >= 160)
    running, _ = STANDING.trial_lines(width, with_place=False)
    assert running.startswith("  low_lr_weight_")
    assert len(running) <= width
    assert ("replicate 0" in running) == (width >= 100)


@pytest.mark.parametrize("width", range(20, 200, 7))
def test_lines_never_get_wider_than_the_terminal_that_has_room_for_what_matters(width):
    line = STANDING.bar_line(width)
    vital = "11,234/22,590 cells 12 failed · about 3 h 20 min left"
    assert len(line) <= max(width, len(vital))
    assert line.startswith("11,234/22,590 cells")
    assert line.count("━") <= 40


def test_more_trials_than_fit_are_counted():
    lines = Standing(done=0, total=9, trials=[RunningTrial(SUBJECT)] * 11).trial_lines(100, with_place=True)
    assert lines[-1] == "  and 3 more"
    assert len(lines) == 9


def test_the_bar_is_full_at_the_end_and_empty_at_the_beginning():
    assert "━" not in Standing(done=0, total=9).bar_line(80)
    assert "─" not in Standing(done=9, total=9).bar_line(80)


def test_the_last_second_is_not_counted():
    last = Standing(done=8, total=9, running=1, seconds_left=0.4, trials=[RunningTrial(SUBJECT, 1200, None, 0.4)])
    assert last.line() == "8/9 cells done · almost done · 1 running · 0 waiting"
    assert last.trial_lines(200, with_place=True)[0].endswith("  epoch 12 of 12")
    begun = Standing(done=0, total=2, waiting=2, seconds_left=0.4)  # the processes have yet to start
    assert begun.line() == "0/2 cells done · 0 running · 2 waiting"


def test_a_sweep_that_only_waits_for_a_retry_says_when_it_comes():
    waits = Standing(done=16, total=32, waiting=14, seconds_left=304.0, seconds_to_retry=300.0)
    assert waits.line() == "16/32 cells done · about 5 min left · next retry in 5 min · 0 running · 14 waiting"
    assert "next retry" in waits.bar_line(80)
    assert "retry" not in replace(waits, seconds_to_retry=0.4).line()


def test_an_ended_trial_is_a_line_with_its_accuracy_and_duration():
    scores = {600: {"test_accuracy": 0.5}, 1200: {"test_accuracy": 0.9184}}
    ended = TrialEnded(subject=SUBJECT, outcome="done", seconds=662.0, scores=scores)
    cell = "low_lr_weight_rewinding 16× 90%, round 4, replicate 0"
    assert end_line(ended, with_place=False) == f"✔ 0123456789abcdef0123  {cell}: 91.84% in 11 min"
    assert "  resnet20 · default · low_lr_" in end_line(ended, with_place=True)
    judged = replace(
        ended, subject=replace(SUBJECT, metric="rmse", unit="mg/dl"), scores={1200: {"test_rmse": 54.0192}}
    )
    assert end_line(judged, with_place=False).endswith(f"{cell}: RMSE 54.02 mg/dl in 11 min")
    judged = replace(ended, subject=replace(SUBJECT, metric="bleu", unit="BLEU"), scores={1200: {"test_bleu": 26.812}})
    assert end_line(judged, with_place=False).endswith(f"{cell}: 26.81 BLEU in 11 min")


def test_a_failed_trial_is_a_line_with_network_recipe_and_class():
    failed = TrialEnded(subject=SUBJECT, outcome="diverged", seconds=3.0, reason="loss is nan \x1b[31m")
    line = end_line(failed, with_place=False)
    assert line.startswith("✘ 0123456789abcdef0123  resnet20 · default · low_lr_weight_rewinding")
    assert line.endswith(": diverged in 3.0 s: loss is nan \\x1b[31m")
    endless = end_line(TrialEnded(subject=SUBJECT, outcome="bug", reason="x" * 10_000), with_place=False)
    assert endless.endswith("x… (10,000 characters)")
    assert len(endless) < 400


def test_before_the_first_report_a_trial_is_starting():
    assert how_far_in_words(RunningTrial(SUBJECT)) == "starting"
    assert how_far_in_words(RunningTrial(SUBJECT, 1200, None, None)) == "epoch 12 of 12"


def test_a_log_has_plain_lines_and_one_for_each_ended_trial(capsys):
    console = Console(file=io.StringIO(), highlight=False)
    display = Display(console=console)
    display.start(lambda: STANDING)
    display.tick(lambda: pytest.fail("not due yet"))
    display.hear(TrialEnded(subject=SUBJECT, outcome="done", seconds=3.0))
    display.hear(TrialRetried(subject=SUBJECT, outcome="io", reason="disk", delay=4.0))
    lines = capsys.readouterr().err.splitlines() + console.file.getvalue().splitlines()
    assert lines[0] == (
        "11,234/22,590 cells done · 12 failed · about 3 h 20 min left · 2 running · 20,000 waiting · 3 blocked"
    )
    assert lines[1].startswith("✔ 0123456789abcdef0123")
    assert lines[2] == "↻ 0123456789abcdef0123  io: disk; trying again in 4 s"
    assert "\x1b" not in "".join(lines)


def test_a_quiet_display_prints_warnings_only(capsys):
    console = Console(file=io.StringIO(), highlight=False)
    display = Display(quiet=True, console=console)
    display.start(lambda: pytest.fail("quiet"))
    display.hear(TrialEnded(subject=SUBJECT, outcome="done"))
    display.warn("No room in the store")
    assert console.file.getvalue() == "No room in the store\n"
    assert capsys.readouterr().err == ""


def test_a_terminal_that_is_gone_ends_no_run(monkeypatch):
    left = []
    monkeypatch.setattr("workers.machine.terminal.leave_terminal", lambda: left.append("terminal"))
    ours, theirs = os.openpty()
    with open(theirs, "w", buffering=1) as file:
        display = Display(console=Console(file=file, highlight=False))
        display.start(lambda: STANDING)
        os.close(ours)
        display.warn("not seen")
        display.stop(lambda: STANDING)
        os.dup2(os.open(os.devnull, os.O_WRONLY), theirs)  # as `leave_terminal` does
    assert left == ["terminal"] * 2
