"""What the tests of tables share."""

from __future__ import annotations

import pytest

from tests.support.records import result_grid


@pytest.fixture(scope="module")
def two_budgets(tmp_path_factory):
    """Validation prefers 30 epochs at 4× (test would not), and is tied at 8×."""
    return result_grid(
        tmp_path_factory.mktemp("store"),
        {
            ("fine_tuning", 4.0, "10ep"): ([0.01] * 3, [0.03] * 3),
            ("fine_tuning", 4.0, "30ep"): ([0.02, 0.03, 0.04], [0.02] * 3),
            ("fine_tuning", 8.0, "30ep"): ([0.05] * 3, [0.05] * 3),
            ("fine_tuning", 8.0, "10ep"): ([0.06] * 3, [0.05] * 3),
        },
    )
