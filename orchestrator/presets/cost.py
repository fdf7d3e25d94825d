"""What presets come to, by their plans: without the data and without torch."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.planning.crossing import questions
from orchestrator.planning.expand import make_plan
from orchestrator.planning.facts import Facts
from orchestrator.presets.catalog import Preset, shipped_facts
from orchestrator.presets.rehearsal import PART
from orchestrator.sweep.spec import SweepSpec, parse_spec


def known_facts(found: Preset, spec: SweepSpec) -> Facts:
    """What a plan of a preset, or of a part of its data, must know, without the data and without torch."""
    answer = shipped_facts()[found.network]
    facts = Facts({})
    for question in questions(spec):
        part = {key: question.dataset.arguments[key] for key in PART if key in question.dataset.arguments}
        images = answer["dataset"] | part | ({"fingerprint": ""} if part else {})
        facts.add(question, answer | {"dataset": images})
    return facts


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a preset comes to from nothing. Epochs are those of its data set."""

    cells: int
    trials: int
    epochs: float
    epochs_without_sharing: float


def cost(found: Preset) -> Cost:
    """What a preset comes to, by its plan. Replicates share nothing, so that one of them is planned."""
    spec = parse_spec(found.text)
    replicates = len(spec.grids[0].replicates)
    assert all(len(grid.replicates) == replicates for grid in spec.grids)
    grids = tuple(grid.model_copy(update={"replicates": grid.replicates[:1]}) for grid in spec.grids)
    spec = spec.model_copy(update={"grids": grids})
    plan = make_plan(spec, known_facts(found, spec))
    return Cost(
        cells=replicates * len(plan.cells),
        trials=replicates * len(plan.trials),
        epochs=replicates * plan.shared_epochs(),
        epochs_without_sharing=replicates * plan.unshared_epochs(),
    )
