"""The share of a network that may be pruned, wherever a compression is reported."""

from __future__ import annotations

import pytest

from orchestrator.planning.prunable_share import Share, merged


@pytest.mark.parametrize(
    ("prunable", "parameters", "percent"),
    [
        *((271_152, 272_762, "99"), (320, 16_866, "2"), (100, 100, "100"), (602_128, 602_136, "99.99")),
        *((1, 1000, "0.10"), (8_996, 10_000, "89.96"), (9_000, 10_000, "90")),
    ],
)
def test_counts_and_percent(prunable, parameters, percent):
    share = Share("digits", "mlp", None, prunable, parameters)
    assert share.counts == f"{prunable:,} of {parameters:,} parameters, {percent}%"


@pytest.mark.parametrize(("prunable", "low"), [(89, True), (90, False), (100, False)])
def test_less_than_nine_tenths_is_low(prunable, low):
    assert Share("digits", "mlp", None, prunable, 100).is_low is low


def test_ways_to_prune_are_named_only_where_they_differ():
    same = [Share("digits", "mlp", way, 90, 100) for way in ("magnitude", "random")]
    assert merged(same) == [Share("digits", "mlp", None, 90, 100)]
    other = Share("digits", "mlp", "exclude=classifier.*", 80, 100)
    assert merged([*same, other]) == [*same, other]
