"""Code of a trial that waits for a person fails at once, except in a terminal."""

from __future__ import annotations

import io
import json
import pdb
import sys

import pytest

from tests.support.attempts import actor, attempt
from tests.support.trainings import in_first_step
from workers.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", create=True)


@pytest.fixture(autouse=True)
def no_tracing_afterward():
    """A debugger that stayed would slow down all later tests."""
    trace = sys.gettrace()
    yield
    sys.settrace(trace)


QUESTIONS = {
    "input": input,
    "breakpoint": breakpoint,
    "pdb": lambda: pdb.Pdb().set_trace(),
    "readline": lambda: sys.stdin.readline(),
    "lines": lambda: list(sys.stdin),
}


@pytest.mark.parametrize("code", QUESTIONS.values(), ids=list(QUESTIONS))
def test_code_that_waits_for_a_person_fails_at_once(store, monkeypatch, code):
    in_first_step(monkeypatch, code)
    monkeypatch.setattr(sys, "breakpointhook", lambda: pytest.fail("Ray's waits for a debugger"))
    stdin = sys.stdin
    worker = actor(store)
    result = worker.step()
    worker.cleanup()
    failure = json.loads(result["ending"])["failure"]
    assert failure["outcome"] == "bad_input"
    assert failure["reason"] == "the code of a trial cannot read from the standard input, or start a debugger"
    assert "`--in-process` in a terminal" in failure["hint"]
    assert sys.stdin is stdin


def test_in_a_terminal_code_may_ask(store, monkeypatch):
    answers = []
    terminal = io.StringIO("yes\n")
    terminal.isatty = lambda: True
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr(sys, "__stdout__", shown)

    def ask():
        print("before")
        answers.append(input("continue? "))
        print("after")

    in_first_step(monkeypatch, ask)
    trial = attempt(store)
    trial.advance(seconds=0)
    trial.close()
    assert answers == ["yes"]
    assert shown.getvalue() == "\nbefore\ncontinue? after\n"
    assert sys.stdin is terminal
