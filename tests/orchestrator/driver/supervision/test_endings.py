"""Every way in which a driver can end has a documented exit code, and somebody says what happened."""

from __future__ import annotations

import re
import signal
from dataclasses import replace

import pytest

from orchestrator.driver.situation import Situation
from orchestrator.driver.supervision.endings import DIED, SPOKEN, DriverEnding, ending_of
from tests.support.places import ROOT

DRIVING = Situation(store="/runs/my store", lease="token")
CONTINUE = "Continue with:  prunesweep resume '/runs/my store'"


@pytest.mark.parametrize("code", sorted(SPOKEN))
def test_a_driver_that_said_how_it_ended_has_the_last_word(code):
    assert ending_of(code, DRIVING, heard=[signal.SIGTERM]) == DriverEnding(code)


def test_each_code_is_documented():
    text = (ROOT / "docs/reliability.md").read_text("utf-8")
    [table] = re.findall(r"^## Exit codes\n(.*?)^## ", text, re.M | re.DOTALL)
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)} == SPOKEN


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("passed_on", [True, False])
def test_a_driver_that_a_signal_ends_early_was_interrupted(number, passed_on):
    ending = ending_of(-number, Situation(), heard=[number] if passed_on else [])
    assert ending == DriverEnding(128 + number, "Interrupted")
    assert CONTINUE in ending_of(-number, DRIVING).words
    assert f"{CONTINUE} --shard 3/16" in ending_of(-number, replace(DRIVING, shard="3/16")).words


@pytest.mark.parametrize("code", [1, 15, 134, -signal.SIGABRT, -signal.SIGKILL])
def test_whatever_ends_a_driver_after_a_signal_the_signal_counts(code):
    assert ending_of(code, DRIVING, heard=[signal.SIGHUP]).code == 129


@pytest.mark.parametrize(
    ("code", "situation", "cause"),
    [
        (-signal.SIGKILL, DRIVING, "the driver was killed (SIGKILL)"),
        (-signal.SIGSEGV, DRIVING, "the driver crashed (SIGSEGV)"),
        (1, Situation(store="/runs/my store", ray="10.0.0.1:6379"), "Ray has died, and the driver with it"),
        (1, Situation(store="/runs/my store", connecting="local"), "Ray has died, and the driver with it"),
        (1, DRIVING, "the driver exited without a message (exit code 1)"),
    ],
)
def test_a_driver_that_dies_silently_can_be_continued(code, situation, cause):
    ending = ending_of(code, situation)
    assert ending.code == DIED
    assert ending.words.startswith(f"error: {cause}")
    assert ending.words.endswith(CONTINUE)


def test_a_driver_that_had_to_be_killed_ends_as_was_said():
    ending = ending_of(
        -signal.SIGKILL, DRIVING, [signal.SIGINT], DriverEnding(130, "Interrupted: Ray has stopped as well")
    )
    assert (ending.code, CONTINUE in ending.words) == (130, True)
    assert ending.words.startswith("Interrupted: Ray has stopped as well; saved work is kept")


def test_the_messages_of_ray_are_named():
    words = ending_of(1, Situation(ray="10.0.0.1:6379", log="/tmp/prunesweep-x.log")).words
    assert words.endswith("Ray's messages:  /tmp/prunesweep-x.log")
