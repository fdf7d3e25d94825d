"""A sweep is divided into parts: each trial in one, whole chains together, balanced by cost."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from orchestrator.driver.division import Assignment, divide, part_of
from orchestrator.planning.expand import make_plan
from tests.support import paper_plans
from tests.support.jobs import jobs
from tests.support.sweeps import answered
from workers.errors import InputError
from workers.store.shard import Shard

ONE_REPLICATE = {f"chain{number}": ((100,), ("dense", 50)) for number in range(6)}


def divided(described, count):
    planned = jobs(**described)
    return divide(planned, count, {trial: float(job.last_step) for trial, job in planned.items()})


def random_plan(seed):
    """Some dense networks, and retrainings that start from any trial before them."""
    rng = random.Random(seed)
    described = {}
    for number in range(rng.randint(1, 40)):
        step = rng.randint(1, 300)
        earlier = [(name, steps[-1]) for name, (steps, *_) in described.items()]
        is_dense = not earlier or rng.random() < 0.2
        described[f"trial{number}"] = ((step,),) if is_dense else ((step,), rng.choice(earlier))
    return described


@pytest.mark.parametrize("seed", range(100))
def test_each_trial_is_in_one_part_and_only_a_dense_network_is_apart_from_what_starts_from_it(seed):
    described = random_plan(seed)
    count = random.Random(-seed).randint(1, 20)
    owners = divided(described, count)
    assert list(owners) == list(described)
    assert set(owners.values()) <= set(range(1, count + 1))
    for trial, (_, *parents) in described.items():
        for parent, _ in parents:
            is_dense = len(described[parent]) == 1
            assert is_dense or owners[trial] == owners[parent]
    for trial, (_, *parents) in described.items():  # whoever trains a dense network needs it, too
        children = [child for child, (_, *starts) in described.items() if trial in dict(starts)]
        assert parents or not children or owners[trial] in {owners[child] for child in children}


def test_whole_families_stay_together_where_that_is_balanced():
    described = {}
    for replicate in range(4):
        described[f"dense{replicate}"] = ((100,),)
        described |= {f"{replicate}a{k}": ((50 + replicate,), (f"dense{replicate}", 100)) for k in range(3)}
    owners = divided(described, 4)
    assert all(owners[trial] == owners[f"dense{trial[0]}"] for trial in described if "dense" not in trial)
    assert sorted(owners[f"dense{replicate}"] for replicate in range(4)) == [1, 2, 3, 4]


def test_one_large_family_is_divided_into_chains_of_balanced_cost():
    owners = divided({"dense": ((100,),), **ONE_REPLICATE}, 2)
    assert sorted(list(owners.values()).count(number) for number in (1, 2)) == [3, 4]
    loads = [sum(100 for owner in owners.values() if owner == number) for number in (1, 2)]
    assert max(loads) - min(loads) <= 100


def test_there_may_be_more_parts_than_chains():
    owners = divided({"dense": ((100,),), **ONE_REPLICATE}, 16)
    assert len(set(owners.values())) == 6


def test_a_grid_of_one_replicate_is_divided_evenly_whether_or_not_the_cost_of_a_step_is_known():
    spec = paper_plans.sweep([{"technique": paper_plans.ONE_SHOT, "compression": [2, 4, 8], "budget": ["25%", "90%"]}])
    facts = {
        "dataset": {"train_images": 50_000, "fingerprint": "sha256:0"},
        "network": {"prunable": [["a", 271_152]], "checkpoint_bytes": 2_500_000},
    }
    crossing = answered(spec, facts)
    weighed = answered(spec, facts | {"network": facts["network"] | {"multiply_adds": 41_075_328}})
    plan = make_plan(crossing)
    part = part_of(plan, crossing, Shard(1, 4))
    assert part_of(plan, weighed, Shard(1, 4)) == part
    steps = Counter()
    for trial, job in plan.missing(set(), set()).items():
        steps[part.owner(trial)] += job.last_step
    assert len(steps) == 4
    assert max(steps.values()) < 1.2 * min(steps.values())


def test_drivers_that_divide_otherwise_can_be_told_apart():
    owners = divided({"dense": ((100,),), **ONE_REPLICATE}, 2)
    parts = [Assignment(Shard(number, 2), owners) for number in (1, 2)]
    assert parts[0].division == parts[1].division
    assert parts[0].division != Assignment(Shard(1, 3), owners).division
    assert parts[0].division != Assignment(Shard(1, 2), owners | {"dense": 3 - owners["dense"]}).division


@pytest.mark.parametrize("text", ["1/1", "3/16", " 16/16 "])
def test_a_shard_is_written_as_its_number_and_the_count(text):
    assert str(Shard.parse(text)) == text.strip()


@pytest.mark.parametrize("text", ["", "3", "0/16", "17/16", "a/b", "-1/4", "1/0", "1/10000"])
def test_any_other_shard_is_refused(text):
    with pytest.raises(InputError, match=r"--shard"):
        Shard.parse(text)
