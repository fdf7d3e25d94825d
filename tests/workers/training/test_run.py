"""Trials end to end against a store: exact sharing, interruption, damaged files."""

import itertools
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.support import tiny
from tests.support.stores import results
from workers.errors import BadInput
from workers.machine.device import Device
from workers.store import Store, logs
from workers.store.layout import RecordKey
from workers.training.attempt import Attempt, Bounds
from workers.training.run import run
from workers.trial import Evaluation, Job, Pruning, Stop, job_from_json, job_to_json, trial_id

EVALUATION = Evaluation().key
REQUESTS = ("read", "tail", "write", "publish", "exists", "names", "kinds", "sizes", "delete")
OFTEN = Device(checkpoint_seconds=0, chunk_seconds=0)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", create=True)


def execute(job, store, machine=None):
    return list(run(job, store, machine or Device()))


def train_dense(store, replicate=0):
    trial = tiny.dense(replicate=replicate)
    execute(Job(trial=trial, records=(tiny.TOTAL,), checkpoints=(0, 8, tiny.TOTAL)), store)
    return trial


def noting(requests, name, ask):
    def note(path, *words):
        requests.append(f"{name} {path}")
        return ask(path, *words)

    return note


def by_stop(store):
    """The results of a store by trial and step."""
    return {(row["trial"], row["step"]): row for row in results(store)}


def test_a_record_says_what_was_trained_and_where(store):
    trial = train_dense(store)
    [row] = store.records.read_all().table.to_pylist()
    assert (row["trial"], row["step"], row["evaluation"]) == (trial_id(trial), tiny.TOTAL, EVALUATION)
    assert row["epochs"] == pytest.approx(4.8)
    assert row["learning_rate"] == 0.001
    assert row["kept_weights"] == row["prunable_weights"] == 36 * 16 + 16 * 12 + 12 * 4
    assert row["validation_examples"] == 8
    assert row["test_examples"] == 32
    assert 0 <= row["test_score"] <= 1
    assert row["threads"] == row["ranks"] == row["attempts"] == 1
    assert row["started_at"] <= row["finished_at"]
    detail = store.records.detail(RecordKey(trial_id(trial), tiny.TOTAL, EVALUATION))
    assert detail["parameters"] == 816 + 2 * (16 + 12) + 4  # batch normalization, and the biases of the last layer
    assert [layer["weights"] for layer in detail["layers"]] == [576, 192, 48]
    assert [point["step"] for point in detail["curve"]] == [5, 10, 15, 20]


def test_a_new_trial_makes_few_requests(store, monkeypatch):
    """One for each parent, its checkpoint and its record."""
    parent = train_dense(store)
    job = Job(trial=tiny.retraining("fine_tuning", parent), records=(3,), checkpoints=(3,), is_new=True)
    requests = []
    monkeypatch.setattr(logs, "_SILENT_SECONDS", 600)  # a trial that takes more than one, on a busy machine, has a log
    for name in REQUESTS:
        monkeypatch.setattr(store.files, name, noting(requests, name, getattr(store.files, name)))
    attempt = Attempt(job_from_json(job_to_json(job)), store, Device(), Bounds(lease="token"))
    assert attempt.advance(seconds=60).outcome == "done"
    child, dense = trial_id(job.trial), trial_id(parent)
    assert requests == [
        f"read checkpoints/{dense}/00000024.safetensors",
        f"write checkpoints/{child}/00000003.safetensors",
        f"publish results/{child}-00000003-{EVALUATION}.parquet",
    ]


def test_a_pruned_record_counts_what_is_left(store):
    child = tiny.retraining("fine_tuning", train_dense(store), density="1/4")
    execute(Job(trial=child, records=(3,), checkpoints=()), store)
    row = by_stop(store)[trial_id(child), 3]
    assert row["kept_weights"] == 816 // 4
    assert row["achieved_density"] == 0.25
    layers = store.records.detail(RecordKey(trial_id(child), 3, EVALUATION))["layers"]
    assert sum(layer["kept"] for layer in layers) == 204
    assert row["sparse_multiply_adds"] == 204  # each weight of a perceptron is used once
    assert row["multiply_adds"] == 816


def test_a_record_of_pruned_filters_counts_what_the_masks_leave(store):
    trial = train_dense(store)
    child = tiny.retraining("lr_rewinding", trial)
    rule = replace(child.mask, pruning=Pruning(structure="filters"), filters={"hidden.0.linear.weight": 4})
    job = Job(trial=replace(child, mask=rule), records=(3,), checkpoints=())
    job = job_from_json(json.loads(json.dumps(job_to_json(job))))
    execute(job, store)
    row = by_stop(store)[trial_id(job.trial), 3]
    assert row["kept_weights"] == 816 - 4 * 36  # the next layer keeps its inputs
    assert row["achieved_density"] == 672 / 816


def test_a_stop_of_a_longer_trajectory_is_the_same_as_alone(store, tmp_path):
    child = tiny.retraining("fine_tuning", train_dense(store))
    execute(Job(trial=child, records=(4, 9, 16), checkpoints=(4, 16)), store)
    alone = Store(tmp_path / "alone", create=True)
    train_dense(alone)
    execute(Job(trial=child, records=(9,), checkpoints=()), alone)
    assert by_stop(alone)[trial_id(child), 9] == by_stop(store)[trial_id(child), 9]


def test_done_stops_are_not_trained_again_and_later_ones_continue_from_them(store, monkeypatch):
    child = tiny.retraining("lr_rewinding", train_dense(store))
    execute(Job(trial=child, records=(4,), checkpoints=(4,)), store)
    assert execute(Job(trial=child, records=(4,), checkpoints=(4,)), store) == []
    trained = count_steps(monkeypatch)
    execute(Job(trial=child, records=(4, 9), checkpoints=(9,)), store)
    assert trained() == 5


def count_steps(monkeypatch):
    from workers.training.trainer import Trainer

    steps = itertools.count()
    advance = Trainer.advance
    monkeypatch.setattr(Trainer, "advance", lambda self: (next(steps), advance(self))[1])
    return lambda: next(steps)


def test_a_stop_is_reached_once_it_is_published(store):
    trial, stops = tiny.dense(), (8, tiny.TOTAL)
    for reached in run(Job(trial=trial, records=stops, checkpoints=stops), store, OFTEN):
        for step in stops:
            if reached.step >= step:
                assert store.states.has_checkpoint(Stop(trial_id(trial), step))
                assert store.records.has(RecordKey(trial_id(trial), step, EVALUATION))


@pytest.mark.parametrize("technique", ["fine_tuning", "weight_rewinding", "reinitialization"])
@pytest.mark.parametrize("chunks", [1, 2, 5])
def test_interrupted_again_and_again_gives_the_same_records(store, tmp_path, technique, chunks):
    child = tiny.retraining(technique, train_dense(store))
    job = Job(trial=child, records=(3, 16), checkpoints=(16,))
    execute(job, store)

    other = Store(tmp_path / "interrupted", create=True)
    train_dense(other)
    for _ in range(40):
        execution = run(job, other, Device(chunk_seconds=0))
        for _ in itertools.islice(execution, chunks):
            pass
        execution.close()
    assert by_stop(other) == by_stop(store)
    assert other.records.detail(RecordKey(trial_id(child), 16, EVALUATION)) == store.records.detail(
        RecordKey(trial_id(child), 16, EVALUATION)
    )


def test_states_on_the_way_are_two_at_most_and_gone_at_the_end(store):
    trial = tiny.dense()
    execution = run(Job(trial=trial, records=(tiny.TOTAL,), checkpoints=(tiny.TOTAL,)), store, OFTEN)
    for _ in itertools.islice(execution, 6):
        pass
    assert len(store.files.names(f"progress/{trial_id(trial)}")) == 2
    for _ in execution:
        pass
    assert store.files.names(f"progress/{trial_id(trial)}") == []
    assert list(store.states.checkpoint_sizes()) == [Stop(trial_id(trial), tiny.TOTAL)]


@pytest.mark.parametrize("damage", [b"", b"\0" * 100, b"half", b"flip"])
def test_a_damaged_state_is_named_and_the_one_before_it_used(store, tmp_path, caplog, damage):
    trial = tiny.dense()
    job = Job(trial=trial, records=(tiny.TOTAL,), checkpoints=())
    execution = run(job, store, OFTEN)
    for _ in itertools.islice(execution, 9):
        pass
    execution.close()
    newest = sorted((tmp_path / "store" / "progress" / trial_id(trial)).iterdir())[-1]
    whole = newest.read_bytes()
    middle = len(whole) - 50
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    newest.write_bytes({b"half": whole[: len(whole) // 2], b"flip": flipped}.get(damage, damage))
    execute(job, store)
    assert f"state of trial {trial_id(trial)} at step {int(newest.stem)}" in caplog.text
    undisturbed = Store(tmp_path / "other", create=True)
    execute(job, undisturbed)
    assert by_stop(store) == by_stop(undisturbed)


def test_a_pickle_in_place_of_a_checkpoint_is_not_executed(store, tmp_path):
    import os
    import pickle

    class Payload:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "executed"),))

    trial = train_dense(store)
    path = tmp_path / "store" / "checkpoints" / trial_id(trial) / f"{tiny.TOTAL:08d}.safetensors"
    path.write_bytes(pickle.dumps(Payload()))
    with pytest.raises(BadInput, match="not a state file of prunesweep"):
        execute(Job(trial=tiny.retraining("fine_tuning", trial), records=(3,), checkpoints=()), store)
    assert not (tmp_path / "executed").exists()


def test_a_missing_parent_is_refused_with_the_remedy(store):
    child = tiny.retraining("fine_tuning", tiny.dense())
    with pytest.raises(BadInput, match="not found in the store"):
        execute(Job(trial=child, records=(3,), checkpoints=()), store)


def test_rounds_of_iterative_pruning_build_on_each_other(store):
    previous, kept = train_dense(store), []
    for round_ in range(1, 4):
        step = tiny.TOTAL if round_ == 1 else 16
        trial = tiny.retraining(
            "weight_rewinding", previous, step=step, round_=round_, density=f"{4**round_}/{5**round_}"
        )
        assert trial.start == Stop(trial_id(tiny.dense()), 8)
        execute(Job(trial=trial, records=(16,), checkpoints=(16,)), store)
        kept.append(by_stop(store)[trial_id(trial), 16]["kept_weights"])
        previous = trial
    assert kept == [653, 522, 418]  # 816 · 0.8, · 0.64, · 0.512, rounded


def test_children_record_the_states_they_began_with(store):
    trial = train_dense(store)
    child = tiny.retraining("weight_rewinding", trial)
    execute(Job(trial=child, records=(3,), checkpoints=()), store)
    rows = by_stop(store)
    assert rows[trial_id(child), 3]["mask_digest"] == rows[trial_id(trial), tiny.TOTAL]["state_digest"]
    assert rows[trial_id(child), 3]["start_digest"] != rows[trial_id(child), 3]["mask_digest"]


def test_a_stop_without_a_checkpoint_does_not_put_off_saving_the_state(store, monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(
        "workers.training.run.time", SimpleNamespace(monotonic=lambda: next(clock))
    )  # a second for each look
    job = Job(trial=tiny.dense(), records=tuple(range(1, tiny.TOTAL + 1)), checkpoints=())
    execution = run(job, store, Device(checkpoint_seconds=12))
    for _ in itertools.islice(execution, 8):
        pass
    assert store.states.partial_sizes()
    execution.close()
