"""`prunesweep list`: the names of a kind, each with a summary."""

from __future__ import annotations

import json

import pytest

from workers.techniques import LENGTHS, TECHNIQUES


def test_techniques_come_with_the_meaning_of_their_lengths(main):
    code, stdout, _ = main("list", "techniques")
    assert code == 0
    assert stdout.rstrip().endswith(LENGTHS)
    assert "T is the length of the dense training, t the retraining time of a round" in stdout


@pytest.mark.parametrize(
    "kind", ["techniques", "networks", "datasets", "losses", "scores", "distributions", "structures"]
)
def test_every_name_of_a_kind_has_a_summary(main, kind):
    _, stdout, _ = main("list", kind, "--json")
    summaries = json.loads(stdout)
    assert summaries
    assert all(summaries.values())
    if kind == "techniques":
        assert list(summaries) == list(TECHNIQUES)
