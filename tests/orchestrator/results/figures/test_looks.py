from __future__ import annotations

from itertools import combinations

import pytest

from orchestrator.results.figures.looks import GRAY, INK, LOOKS, looks_of
from tests.support.figure_geometry import luminance
from workers.techniques import TECHNIQUES

OWN = [f"my_technique_{number}" for number in range(60)]


def contrast(color):
    """With white."""
    return 1.05 / (luminance(color) + 0.05)


def test_every_technique_has_a_fixed_look():
    assert LOOKS.keys() == TECHNIQUES.keys()
    assert looks_of(["lr_rewinding", "mine"])["lr_rewinding"] == LOOKS["lr_rewinding"]


def test_color_is_never_alone():
    for column in ("color", "marker", "dash"):
        assert len({getattr(look, column) for look in LOOKS.values()}) == len(LOOKS)


def test_what_is_alike_in_gray_print_differs_in_marker_and_dash():
    alike = [
        (first, second)
        for first, second in combinations(LOOKS.values(), 2)
        if abs(luminance(first.color) - luminance(second.color)) < 0.05
    ]
    assert alike  # else this test says nothing
    assert all(first.marker != second.marker and first.dash != second.dash for first, second in alike)


def test_techniques_of_the_get_separate_looks():
    looks = looks_of([*LOOKS, *OWN])
    assert len({look[1:] for look in looks.values()}) == len(looks)
    assert looks["my_technique_0"].name == "my technique 0"


def test_a_technique_of_the_user_looks_the_same_whatever_is_drawn_with_it():
    assert looks_of(["mine"])["mine"] == looks_of(["lr_rewinding", "mine"])["mine"]


def test_markers_and_dashes_of_others_are_not_taken():
    markers = {look.marker for look in LOOKS.values()}
    assert not markers & {look.marker for look in looks_of(OWN).values()}


@pytest.mark.parametrize("color", [INK, GRAY])
def test_text_is_readable_on_white(color):
    assert contrast(color) >= 4.5
