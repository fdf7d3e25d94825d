"""Which grids of two sides are the same, and which cells."""

from __future__ import annotations

import pytest

from orchestrator.results.comparisons.matching import matching_sections
from orchestrator.results.frame import join
from orchestrator.results.reference import published
from orchestrator.results.table import table
from orchestrator.sweep.grid import PruningSpec
from tests.support.comparisons import store


def sections(path, *places):
    found = []
    for number, place in enumerate(places):
        opened = store(path / str(number), {("lr_rewinding", 4.0, 4): (0.8,)}, place=place, dense=(0.8,))
        found += table(join(opened).rows).sections
    return found


@pytest.mark.parametrize(
    ("ours", "theirs", "match"),
    [
        ({"network": "cifar_resnet(depth=20)"}, {"network": "resnet20"}, True),
        ({"network": "resnet20(width=8)"}, {"network": "resnet20"}, False),
        ({"dataset": "cifar10(root=a)"}, {"dataset": "cifar10"}, True),
        ({"dataset": "cifar100"}, {"dataset": "cifar10"}, False),
        ({"dataset": "image_folder(path=a)"}, {"dataset": "imagenet"}, True),
        ({"dataset": "mine.data:load"}, {"dataset": "imagenet"}, True),
        ({"pruning": "magnitude(distribution=erk)"}, {"pruning": "magnitude"}, False),
        ({"schedule": "iterative"}, {"schedule": "one_shot"}, False),
        ({"recipe": "long"}, {"recipe": "short"}, True),
    ],
)
def test_grids_match_by_network_pruning_schedule_and_data(tmp_path, ours, theirs, match):
    [one] = sections(tmp_path / "ours", ours)
    [other] = sections(tmp_path / "theirs", theirs)
    assert bool(matching_sections([one], [other])) is match


def test_grids_of_the_same_recipe_go_first(tmp_path):
    one, other = sections(tmp_path, {"recipe": "short"}, {"recipe": "long"})
    assert matching_sections([one, other], [one, other]) == [(one, one), (other, other)]
    assert matching_sections([one], [other]) == [(one, other)]


def test_structured_cells_are_named_as_in_our_sweeps():
    pruned = {section.pruning for section in table(published()).sections} - {"none"}
    rules = [f"{network}_{variant}" for network in ("resnet56", "resnet110", "resnet34") for variant in "ab"]
    labels = {PruningSpec(structure="filters", layers=rule).label for rule in rules}
    assert pruned == labels | {PruningSpec().label}
