"""The cost of presets, computed from their plans without the data and without torch."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.planning.crossing import Crossing, questions
from orchestrator.planning.expand import make_plan
from orchestrator.planning.facts import Facts
from orchestrator.presets.catalog import Preset, shipped_facts
from orchestrator.presets.scaling import PARTS
from orchestrator.sweep.spec import SweepSpec, parse_spec


def known_facts(preset: Preset, spec: SweepSpec) -> Facts:
    """The facts that planning a preset takes, on all or on a part of its data."""
    answer = shipped_facts()[preset.network]
    facts = Facts({})
    for question in questions(spec):
        given = question.dataset.arguments
        part = {fact: given[key] for names in PARTS for key, fact in names.items() if key in given}
        data = answer["dataset"] | part | ({"fingerprint": ""} if part else {})
        facts.add(question, answer | {"dataset": data})
    return facts


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """The cost of a preset in an empty store. Epochs are those of its data set."""

    cells: int
    trials: int
    epochs: float
    epochs_without_sharing: float


def cost(preset: Preset) -> Cost:
    """The cost of a preset. Replicates share nothing, so planning one of them is enough."""
    spec = parse_spec(preset.text)
    replicates = len(spec.grids[0].replicates)
    assert all(len(grid.replicates) == replicates for grid in spec.grids)
    plan = make_plan(Crossing.of(first_replicate(spec), known_facts(preset, spec)))
    return Cost(
        cells=replicates * len(plan.cells),
        trials=replicates * len(plan.trials),
        epochs=replicates * plan.shared_epochs(),
        epochs_without_sharing=replicates * plan.unshared_epochs(),
    )


def first_replicate(spec: SweepSpec) -> SweepSpec:
    """The sweep with only the first replicate of each grid."""
    grids = tuple(grid.model_copy(update={"replicates": grid.replicates[:1]}) for grid in spec.grids)
    return spec.model_copy(update={"grids": grids})
