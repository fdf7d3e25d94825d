"""Plans of structured pruning, and of distributions that protect weights."""

from fractions import Fraction as F

import pytest

from orchestrator.planning.expand import make_plan
from tests.support.paper_plans import ONE_SHOT, sweep
from tests.support.sweeps import answered
from workers.errors import InputError


def resnet56_shapes():
    """Name and shape of every prunable weight of ResNet-56, in order."""
    layers, inputs = [("stem.conv", [16, 3, 3, 3])], 16
    for stage, width in enumerate((16, 32, 64)):
        for block in range(9):
            here = f"stages.{stage}.{block}"
            layers += [(f"{here}.conv1", [width, inputs, 3, 3]), (f"{here}.conv2", [width, width, 3, 3])]
            layers += [] if block else [(f"{here}.shortcut.conv", [width, inputs, 1, 1])]
            inputs = width
    return [{"name": f"{name}.weight", "shape": shape} for name, shape in [*layers, ("classifier", [10, 64])]]


def structured(grid, layers="resnet56_b"):
    spec = sweep(grid, network="resnet56", pruning={"structure": "filters", "layers": layers})
    known = {
        "dataset": {"train_images": 50_000, "fingerprint": "sha256:0"},
        "network": {"prunable": [["a", 851_760]], "layers": resnet56_shapes(), "checkpoint_bytes": 1},
    }
    return make_plan(answered(spec, known))


def test_levels_of_structured_pruning_are_cells_at_the_papers_densities():
    a_plan = structured({"technique": ONE_SHOT, "levels": [1, 2, 3, 4, 5], "budget": ["90ep", "100%"]})
    assert len(a_plan.cells) == 1 + 5 * 5 * 2
    densities = {cell.density: cell for cell in a_plan.cells if cell.technique == "lr_rewinding"}
    assert [round(float(density), 4) for density in densities] == [0.8712, 0.7763, 0.6999, 0.6381, 0.5879]
    _, cell = densities.popitem()
    assert (cell.pruning, cell.schedule, cell.round) == (
        "magnitude(structure=filters, layers=resnet56_b)",
        "one_shot",
        1,
    )
    rule = a_plan.trials[cell.stop.trial].trial.mask
    assert rule.density == cell.density == F(500_752, 851_760)
    assert rule.filters["stages.0.0.conv1.weight"] == 15
    assert (rule.pruning.structure, rule.pruning.layers) == ("filters", "resnet56_b")


def test_filters_are_not_pruned_by_the_rule_of_another_network():
    with pytest.raises(InputError, match="needs a network with 109 convolutions"):
        structured({"technique": "lr_rewinding", "levels": 1, "budget": "90ep"}, layers="resnet110_a")


def test_uniform_plus_is_not_asked_for_less_than_it_protects():
    grid = {"technique": "lr_rewinding", "budget": "90ep", "pruning": {"distribution": "uniform+"}}
    known = {
        "dataset": {"train_images": 50_000, "fingerprint": "sha256:0"},
        "network": {
            "prunable": [["a", 60], ["b", 1000], ["c", 200]],
            "layers": [{"name": n, "shape": s} for n, s in (("a", [4, 3, 5, 1]), ("b", [10, 100]), ("c", [10, 20]))],
            "checkpoint_bytes": 1,
        },
    }
    for compression, refused in ((12.6, False), (12.8, True)):  # of 1,260 weights, 100 stay
        spec = sweep(grid | {"compression": compression})
        crossing = answered(spec, known)
        if refused:
            with pytest.raises(InputError, match=r"leaves 98 of the 1,260 .* never prunes 100 of them\n.* 12.6"):
                make_plan(crossing)
        else:
            assert len(make_plan(crossing).cells) == 2
