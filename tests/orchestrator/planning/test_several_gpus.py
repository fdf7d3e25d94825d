"""Sweeps whose trials have several GPUs, as they are planned."""

import pytest
import yaml

from orchestrator.planning.crossing import find_out, rehearsal_of
from orchestrator.planning.expand import make_plan
from orchestrator.presets.catalog import preset
from orchestrator.presets.cost import known_facts
from orchestrator.sweep.problems import SpecError
from orchestrator.sweep.spec import parse_spec

TEXT = preset("digits").text
BATCH = "batch_size: 128"


def planned(resources, recipe=BATCH):
    spec = parse_spec(TEXT.replace(BATCH, recipe) + yaml.safe_dump({"resources": resources}))
    return make_plan(find_out(spec, None, known_facts(preset("digits"), spec)))


def test_all_gpus_of_a_trial_share_its_batches():
    plan = planned({"gpus": 2, "dense": {"gpus": 4}}, f"{BATCH}\n  batch_norm_group: 32")
    jobs = plan.missing(set(), set()).values()
    assert {(job.trial.stage == "dense", job.ranks) for job in jobs} == {(True, 4), (False, 2)}
    assert rehearsal_of(plan.spec)["ranks"] == 2


@pytest.mark.parametrize("resources", [{"cpus": 2}, {"gpus": 1}, {"gpus": "1/4"}])
def test_other_trials_have_one_process(resources):
    plan = planned(resources)
    assert {job.ranks for job in plan.missing(set(), set()).values()} == {1}
    assert "ranks" not in rehearsal_of(plan.spec)


@pytest.mark.parametrize(
    ("resources", "recipe", "message"),
    [
        ({"gpus": 3}, BATCH, r"`recipe.batch_size`: .* multiple of the 3 GPUs of a trial: 128"),
        ({"gpus": 1, "dense": {"gpus": 2}}, BATCH, r"`recipe.batch_size`: .* without groups for BatchNorm"),
        ({"gpus": 2}, f"{BATCH}\n  batch_norm_group: 128", r"`recipe.batch_norm_group`: .* each of 2 GPUs .*: 128"),
    ],
)
def test_what_gpus_cannot_share_is_refused_once_with_its_line(resources, recipe, message):
    with pytest.raises(SpecError, match=rf"sweep.yaml:\d+:\d+: {message}") as caught:
        planned(resources, recipe)
    assert len(caught.value.problems) == 1
