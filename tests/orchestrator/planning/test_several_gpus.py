"""Sweeps whose trials have several GPUs, as they are planned."""

import pytest
import yaml

from orchestrator.planning.crossing import find_out, questions, rehearsal_of
from orchestrator.planning.expand import make_plan
from orchestrator.planning.facts import Facts
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
    assert [plan.spec.resources.gpus_of(is_dense) for is_dense in (True, False)] == [4, 2]


@pytest.mark.parametrize("resources", [{"cpus": 2}, {"gpus": 1}, {"gpus": "1/4"}])
def test_other_trials_have_one_process(resources):
    plan = planned(resources)
    assert {job.ranks for job in plan.missing(set(), set()).values()} == {1}
    assert "ranks" not in rehearsal_of(plan.spec)


GROUPED = TEXT.replace(BATCH, f"{BATCH}\n  batch_norm_group: 32")


def crossed(text, batch_norm):
    """A sweep of two networks, of which each has BatchNorm or not."""
    spec = parse_spec(text)
    known, facts = known_facts(preset("digits"), parse_spec(TEXT)), Facts({})
    [answer] = known._answers.values()
    for question in questions(spec):
        network = answer["network"] | {"batch_norm": batch_norm[question.network.arguments["width"]]}
        facts.add(question, answer | {"network": network})
    return find_out(spec, None, facts)


def test_groups_without_batch_norm_are_refused_unless_another_network_of_the_recipe_has_it():
    with pytest.raises(SpecError, match=r"sweep.yaml:\d+:\d+: `recipe.batch_norm_group`: has no .*: 32\n") as caught:
        crossed(GROUPED, {8: False})
    [problem] = caught.value.problems
    assert "which network `resnet8(width=8)` does not have" in problem.message
    assert problem.hint.startswith("remove it")
    both = GROUPED.replace("network: {name", "network: [{name: resnet8, width: 4}, {name").replace("8}  #", "8}]  #")
    assert crossed(both, {4: True, 8: False})


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
