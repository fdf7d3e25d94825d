"""Ratios and durations: exact, bounded, and the same after being written and read again."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.sweep.values import Duration, exact_text, parse_ratio


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        (4, Fraction(4)),
        (9.31, Fraction(931, 100)),
        (1e-4, Fraction(1, 10_000)),
        ("9.31", Fraction(931, 100)),
        ("1/3", Fraction(1, 3)),
        ("0.5/0.25", Fraction(2)),
        ("50%", Fraction(1, 2)),
        ("12.5%", Fraction(1, 8)),
        ("0.8^2", Fraction(16, 25)),
        ("0.8^-5", Fraction(3125, 1024)),
        ("2e3", Fraction(2000)),
        (" .5 ", Fraction(1, 2)),
        ("-4", Fraction(-4)),
    ],
)
def test_ratios_are_exact(written, exact):
    assert parse_ratio(written) == exact


@pytest.mark.parametrize(
    "written",
    [
        True,
        None,
        [4],
        "",
        "four",
        "4x",
        "1/0",
        "0^-1",
        "1,5",
        "1_000",
        "٤",
        "0x10",
        float("nan"),
        float("inf"),
        "nan",
        "9^9999",
        "1e9999",
        "1" * 2000,
        "50%%",
        "0.8^5^2",
    ],
)
def test_what_is_not_a_ratio_is_refused(written):
    with pytest.raises(ValueError):
        parse_ratio(written)


def test_numbers_too_long_to_write_are_refused():
    with pytest.raises(ValueError):
        parse_ratio(10**5000)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(4), "4"),
        (Fraction(5, 100), "0.05"),
        (Fraction(4, 5) ** 10, "0.1073741824"),
        (Fraction(3125, 1024), "3.0517578125"),
        (Fraction(1, 3), "1/3"),
        (Fraction(-5, 2), "-2.5"),
        (Fraction(100), "100"),
    ],
)
def test_text_of_a_ratio(value, text):
    assert exact_text(value) == text


@settings(max_examples=200)
@given(st.fractions())
def test_ratios_survive_being_written(value):
    assert parse_ratio(exact_text(value)) == value


@pytest.mark.parametrize("text", ["40ep", "15625it", "50%", "0.5ep", "1/3ep", "390.625ep"])
def test_durations_survive_being_written(text):
    assert str(Duration.parse(text)) == text


def test_durations_have_one_spelling():
    assert Duration.parse(" 040.0 ep ") == Duration(Fraction(40), "ep")
    assert str(Duration.parse("1e3it")) == "1000it"


@pytest.mark.parametrize("text", ["40", 40, "ep", "40 epochs", "1.5it", "1/0ep", "40EP", None, "", "nanep", "1it2"])
def test_what_is_not_a_duration_is_refused(text):
    with pytest.raises(ValueError):
        Duration.parse(text)
