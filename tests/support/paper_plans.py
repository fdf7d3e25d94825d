"""Plans of the paper's networks, from facts instead of data."""

from orchestrator.planning.expand import make_plan
from orchestrator.sweep.spec import spec_from_dict
from tests.support.sweeps import answered

ONE_SHOT = ["fine_tuning", "weight_rewinding", "lr_rewinding", "low_lr_weight_rewinding", "reinitialization"]


def sweep(grid, **settings):
    recipe = {
        "duration": "71108it",
        "batch_size": 128,
        "optimizer": {"name": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 2e-4},
        "schedule": {"name": "piecewise", "boundaries": ["91ep", "136ep"], "factor": 0.1},
    }
    base = {"version": 1, "name": "paper", "dataset": "cifar10", "network": "resnet20", "recipe": recipe, "grid": grid}
    return spec_from_dict(base | settings)


def plan(grid, **settings):
    spec = sweep(grid, **settings)
    known = {
        "dataset": {"train_images": 50_000, "fingerprint": "sha256:0"},
        "network": {"prunable": [["a", 271_152]], "checkpoint_bytes": 2_500_000},
    }
    return make_plan(answered(spec, known))
