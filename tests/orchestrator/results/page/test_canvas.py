"""Names at the ends of lines."""

from __future__ import annotations

from orchestrator.results.page.canvas import MUTED, Label, canvas, end_names


def test_a_leader_across_the_panel_is_not_drawn_as_a_part_of_its_line():
    _, axes = canvas(480, 330, right=142)
    axes.set_xlim(2, 8)
    end_names(axes, [Label("whole", "#009e73", 8, 0.2), Label("broken", "#d55e00", 4, 0.8)])
    whole, broken = axes.lines
    assert (whole.get_color(), whole.get_linestyle()) == ("#009e73", "-")
    assert (broken.get_color(), broken.is_dashed()) == (MUTED, True)
