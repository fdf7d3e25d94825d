"""Trials meet actors, by Tune's own controller: every slot works, and no actor is thrown away while it starts."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import ray.train._internal.storage

from orchestrator.driver.on_ray import ray_tune
from orchestrator.driver.on_ray.shapes import Shape, Shapes, alone_on, asked_shapes
from orchestrator.sweep.running import ResourcesSpec
from tests.support.jobs import jobs


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Runs jobs, each for so many seconds; an actor takes four seconds to start."""
    from tests.support.simulated_tune import Sweep

    monkeypatch.setenv("TUNE_GLOBAL_CHECKPOINT_S", "3600")
    monkeypatch.setattr(ray.train._internal.storage, "_get_ray_train_session_dir", lambda: str(tmp_path))
    monkeypatch.setattr(ray_tune, "trial_id", lambda trial: trial.stage)

    def run(family, seconds, slots, **named):
        monkeypatch.setenv("TUNE_MAX_PENDING_TRIALS_PG", str(slots))
        return Sweep(family, seconds if callable(seconds) else lambda trial: seconds, slots, 4.0, tmp_path, **named)

    return run


def star(children):
    """A dense training, and trials that all start from its end."""
    return jobs(dense=((1,),), **{f"child{number}": ((1,), ("dense", 1)) for number in range(children)})


def test_two_slots_share_trials_that_were_not_ready_at_first(sweep):
    one, two = sweep(star(40), 2.0, slots=1), sweep(star(40), 2.0, slots=2)
    assert (one.counts, two.counts) == ({"started": 1}, {"started": 2})
    assert one.seconds / two.seconds > 1.7


def test_trials_that_have_ended_are_dropped(sweep):
    ran = sweep(star(150), 0.1, slots=2)
    assert ran.counts["thrown away"] == 0
    assert 0 < ran.kept < 100


def test_tune_adds_no_callback(monkeypatch):
    """Its own would keep every trial in memory."""
    from ray.tune.utils.callback import _create_default_callbacks

    monkeypatch.setenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    watch = ray_tune.Watch()
    assert _create_default_callbacks([watch], air_verbosity=None) == [watch]


def test_a_chain_has_one_actor(sweep):
    chain = jobs(round0=((1,),), **{f"round{number}": ((1,), (f"round{number - 1}", 1)) for number in range(1, 8)})
    ran = sweep(chain, 2.0, slots=4)
    assert ran.counts == {"started": 1}
    assert ran.seconds == pytest.approx(4 + 8 * 2, abs=1)


def test_no_actor_starts_where_a_running_one_ends_sooner(sweep):
    assert sweep(star(3), 1.0, slots=4).counts == {"started": 1}
    assert sweep(star(3), 10.0, slots=4).counts == {"started": 3}


def test_finished_actors_are_kept_for_trials_to_come(sweep):
    ran = sweep(waves(), 5.0, slots=4)
    assert ran.counts == {"started": 4}


def test_actors_without_a_trial_give_back_their_resources(sweep):
    ran = sweep(waves(), lambda trial: 200.0 if trial == "narrow0" else 5.0, slots=4)
    assert ran.counts == {"started": 7, "ended": 3}


def waves():
    """Twelve trials at once, then one alone, then twelve at once."""
    wide = {f"first{number}": ((1,),) for number in range(12)}
    between = {"narrow0": ((1,), ("first11", 1))}
    return jobs(**wide, **between, **{f"last{number}": ((1,), ("narrow0", 1)) for number in range(12)})


@pytest.mark.parametrize("seed", range(3))
def test_no_actor_is_thrown_away_in_any_sweep(sweep, seed):
    luck = random.Random(seed)
    described = {}
    for number in range(60):
        parents = [(luck.choice(list(described)), 1)] if described and luck.random() < 0.8 else []
        described[f"trial{number}"] = ((1,), *parents)
    seconds = {name: luck.choice([0.1, 1.0, 3.0, 15.0]) for name in described}
    ran = sweep(jobs(**described), seconds.get, slots=4)
    assert ran.counts["thrown away"] == 0
    assert ran.counts["started"] <= 4 + ran.counts["ended"]


def test_dense_training_has_its_shape_and_makes_room_for_others(sweep):
    shapes = Shapes(usual=Shape(cpus=1), dense=Shape(cpus=4))
    ran = sweep(star(8), 10.0, slots=4, shapes=shapes)
    assert ran.counts == {"started": 5, "ended": 1}
    assert ran.seconds == pytest.approx(4 + 10 + 4 + 2 * 10, abs=2)  # start, dense, start, two rounds of four


def test_a_trial_that_must_be_alone_gets_the_machine_once_the_others_are_done(sweep):
    shapes = Shapes(usual=Shape(cpus=1), alone=Shape(cpus=4))
    ran = sweep(star(8), 10.0, slots=4, shapes=shapes, alone=["child3"])
    assert ran.counts["thrown away"] == 0
    assert ran.seconds < 65  # one after the other would take 94


def test_the_shape_of_a_job():
    dense, child = star(1).values()
    quarter = asked_shapes(ResourcesSpec(cpus=2, gpus="1/4", dense={"gpus": 1}))
    assert quarter == Shapes(usual=Shape(cpus=2, gpus=0.25), dense=Shape(cpus=2, gpus=1))
    assert asked_shapes(ResourcesSpec(cpus=2, dense={"cpus": 2})) == Shapes(usual=Shape(cpus=2))
    node = {"Resources": {"CPU": 8.0, "GPU": 1.0}}
    alone = alone_on([node], quarter.usual, most_at_once=4)
    assert alone == Shape(cpus=2, gpus=1)
    shapes = replace(quarter, alone=alone)
    assert [shapes.of(job) for job in (dense, child)] == [quarter.dense, quarter.usual]
    assert shapes.of(child, alone=True) == alone
    several = replace(shapes, dense=Shape(cpus=4, gpus=2))
    assert several.of(dense, alone=True) == several.dense  # its ranks still have a GPU each
    assert alone_on([node], Shape(cpus=2), most_at_once=4) == Shape(cpus=8)
    assert alone_on([node], Shape(cpus=2), most_at_once=1) is None
    assert alone_on([node], Shape(cpus=5), most_at_once=2) is None
    assert alone_on([node], Shape(gpus=1), most_at_once=2) is None
