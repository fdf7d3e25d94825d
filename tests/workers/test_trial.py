"""Identity: equal work has equal ids, and ids stay what they are."""

import json
from dataclasses import replace
from fractions import Fraction as F

from tests.support import tiny
from workers.techniques import TECHNIQUES
from workers.trial import (
    Dataset,
    Evaluation,
    Job,
    Network,
    Pruning,
    canonical,
    job_from_json,
    job_to_json,
    trial_id,
)


def changed(trial, **task):
    return replace(trial, task=replace(trial.task, **task))


def test_ids_are_pinned():
    """A change here orphans every store in the world: raise NUMERICS_VERSION only when bits change."""
    dense = tiny.dense()
    trials = [dense, tiny.dense(replicate=1), tiny.dense(tiny.task(precision="bf16"))]
    trials += [tiny.retraining(technique, dense) for technique in list(TECHNIQUES)[:5]]
    trials += [tiny.retraining("lr_rewinding", dense, density="1/8"), changed(dense, code_version="2")]
    assert [trial_id(trial) for trial in trials] == PINNED


def test_paths_and_names_are_not_part_of_an_id():
    trial = tiny.dense()
    there = Dataset(name="image_parquet", arguments={"path": "/a"}, fingerprint="sha256:1")
    here = Dataset(name="image_parquet", arguments={"path": "/b"}, fingerprint="sha256:1")
    assert trial_id(changed(trial, dataset=there)) == trial_id(changed(trial, dataset=here))
    assert trial_id(changed(trial, dataset=there)) != trial_id(changed(trial, dataset=replace(there, fingerprint="x")))
    assert trial_id(changed(trial, dataset=there)) != trial_id(changed(trial, dataset=replace(there, holdout=10)))


def test_what_changes_the_numbers_changes_the_id():
    trial = tiny.dense()
    others = [
        tiny.dense(replicate=1),
        replace(trial, stage="1"),
        replace(trial, rates=trial.rates[:-1]),
        changed(trial, network=Network(name="mlp", arguments={"hidden": [16, 13]})),
        tiny.dense(tiny.task(label_smoothing=0.1)),
    ]
    assert len({trial_id(other) for other in [trial, *others]}) == 6


def test_the_order_of_keys_is_not_part_of_an_id():
    one = Network(name="mlp", arguments={"hidden": [3], "dropout": 0.5})
    other = Network(name="mlp", arguments={"dropout": 0.5, "hidden": [3]})
    assert trial_id(changed(tiny.dense(), network=one)) == trial_id(changed(tiny.dense(), network=other))


def test_learning_rate_rewinding_within_the_last_constant_phase_is_fine_tuning():
    dense = tiny.dense()
    late = {"rewind": 18}
    assert tiny.retraining("lr_rewinding", dense, **late) == tiny.retraining("fine_tuning", dense, **late)
    assert tiny.retraining("weight_rewinding", dense, **late) == tiny.retraining(
        "low_lr_weight_rewinding", dense, **late
    )
    assert tiny.retraining("lr_rewinding", dense, rewind=17) != tiny.retraining("fine_tuning", dense, rewind=17)


def test_a_job_survives_json():
    dense = tiny.dense()
    for technique in TECHNIQUES:
        trial = replace(tiny.retraining(technique, dense))
        job = Job(trial=trial, records=(3, 5), checkpoints=(), evaluation=Evaluation(validation_share=F(1, 3)))
        assert job_from_json(json.loads(json.dumps(job_to_json(job)))) == job


def test_evaluation_settings_key_a_record():
    keys = {Evaluation().key, Evaluation(validation_share=None).key, Evaluation(batch_norm_batches=3).key}
    assert len(keys) == 3
    job = Job(trial=tiny.dense(), records=(1,), checkpoints=(), evaluation=Evaluation(validation_share=None))
    assert job_from_json(json.loads(json.dumps(job_to_json(job)))) == job


def test_fields_at_their_default_are_left_out():
    assert canonical(Pruning()) == {}
    assert canonical(Pruning(exclude=("a",))) == {"exclude": ["a"]}


PINNED = [
    "1cdf5290fa07c0d50901",
    "2df108ed3783d7261e68",
    "4bc289fe4532b7fa1d93",
    "42cbdbf4cff3d36a727e",
    "23c00a21a316bfba7720",
    "efdc67805b4cf8f59edb",
    "2c45f495ab23d21bf98c",
    "78c1873f7212ec9a802f",
    "5856382068125673d728",
    "c40dce3858adcdd6b33e",
]
