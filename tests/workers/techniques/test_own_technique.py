"""Techniques of the user's own: what they choose, and what is refused."""

from __future__ import annotations

import sys
import textwrap

import pytest

from tests.support import tiny
from tests.support.places import ROOT
from workers import schedules
from workers.errors import BadInput
from workers.techniques import TECHNIQUES
from workers.techniques.own import choose


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes a function `f` into a module of the current directory; returns its name."""
    name = f"technique_{tmp_path.name.replace('-', '_')}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield lambda code: (tmp_path / f"{name}.py").write_text(textwrap.dedent(code)) and f"{name}:f"
    sys.modules.pop(name, None)


def test_a_program_is_the_same_work_as_a_registered_technique(own):
    name = own("""
        from workers import schedules
        def f(dense, rewind_step): return "final", schedules.after(dense.schedule, rewind_step)
    """)
    chosen = choose(name, {}, tiny.DENSE_TRAINING, 8)
    rule = TECHNIQUES["lr_rewinding"]
    assert chosen == ("final", rule.rates(tiny.DENSE_TRAINING, 8), 16)


def test_a_number_for_each_step(own):
    code = (ROOT / "docs" / "pruning.md").read_text("utf-8").split("```python\n")[2].partition("```")[0]
    chosen = choose(own(code.replace("def capped", "def f")), {"factor": 0.05}, tiny.DENSE_TRAINING, 8)
    expected = [min(0.005, schedules.rate(tiny.SCHEDULE, step)) for step in range(8, tiny.TOTAL)]
    assert [schedules.rate(chosen.rates, step) for step in range(16)] == pytest.approx(expected)
    assert len(chosen.rates) == 2


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("0.1", "a pair of a start and learning rates, not 0.1"),
        ("('end', [0.1] * 16)", "must start from one of .*: 'end'"),
        ("('final', [0.1] * 15)", "the learning rates of 16 steps, not 15"),
        ("('fresh', [0.1] * 16)", "the learning rates of 40 steps, not 16"),
        ("('final', 0.1)", "learning rates as a list, not 0.1"),
        ("('final', [0.1] * 15 + [float('nan')])", "that of step 15 is nan"),
        ("('final', [-1] * 16)", "that of step 0 is -1"),
        ("1 / 0", "failed: ZeroDivisionError: division by zero"),
    ],
)
def test_results_that_are_not_techniques(returned, message, own):
    with pytest.raises(BadInput, match=message):
        choose(own(f"def f(dense, rewind_step): return {returned}"), {}, tiny.DENSE_TRAINING, 8)
