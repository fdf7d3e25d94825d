"""Dense networks from safetensors files."""

from __future__ import annotations

import dataclasses
import hashlib
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn

from tests.support import tiny
from workers.data.loading import load_facts
from workers.describe.answers import answer
from workers.errors import BadInput, InputError
from workers.machine.device import Device
from workers.models.build import build
from workers.store import Store
from workers.training.run import run
from workers.training.states.pretrained import describe_weights, read_weights
from workers.trial import (
    Job,
    MaskRule,
    Pretrained,
    Pruning,
    Stop,
    Trial,
    canonical,
    job_from_json,
    job_to_json,
    trial_id,
)


def network(replicate: int = 5) -> nn.Module:
    task = tiny.task()
    return build(task.network, load_facts(task.dataset), task.recipe, replicate, "dense")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dense.safetensors"
    save_file(network().state_dict(), path)
    return path


def pretrained(path: Path) -> Trial:
    file = Pretrained(path=str(path), checksum=describe_weights(str(path), network()))
    return Trial(task=tiny.task(), replicate=0, stage="dense", rates=(), pretrained=file)


def execute(job: Job, store: Store) -> None:
    for _ in run(job, store, Device()):
        pass


def test_the_checksum_is_of_the_bytes(file: Path) -> None:
    assert describe_weights(str(file), network()) == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()[:32]}"


def test_weights_are_read_back(file: Path) -> None:
    found = read_weights(Pretrained(path=str(file), checksum=describe_weights(str(file), network())), network(0))
    assert all(torch.equal(found[name], tensor) for name, tensor in network().state_dict().items())


def test_the_id_has_the_checksum_and_not_the_path(file: Path, tmp_path: Path) -> None:
    trial = pretrained(file)
    moved = tmp_path / "elsewhere.safetensors"
    file.rename(moved)
    assert trial_id(pretrained(moved)) == trial_id(trial)
    save_file(network(6).state_dict(), moved)
    assert trial_id(pretrained(moved)) != trial_id(trial)
    assert trial_id(dataclasses.replace(trial, pretrained=None)) != trial_id(trial)


def test_a_job_travels(file: Path) -> None:
    job = Job(trial=pretrained(file), records=(0,), checkpoints=(0,))
    assert job_from_json(job_to_json(job)) == job


def test_a_pretrained_network_is_recorded_and_pruned(file: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store", create=True)
    dense = pretrained(file)
    execute(Job(trial=dense, records=(0,), checkpoints=(0,)), store)
    start = Stop(trial_id(dense), 0)
    rule = MaskRule(source=start, density=Fraction(1, 4), pruning=Pruning())
    child = Trial(task=tiny.task(), replicate=0, stage="1", rates=tiny.DENSE_TRAINING.schedule, start=start, mask=rule)
    execute(Job(trial=child, records=(0, 8), checkpoints=()), store)
    rows = {(row["trial"], row["step"]): row for row in store.records.read_all().table.to_pylist()}
    first, second = rows[start], rows[trial_id(child), 0]
    assert first["achieved_density"] == 1
    assert first["epochs"] == 0
    assert first["learning_rate"] is None
    assert second["start_digest"] == second["mask_digest"] == first["state_digest"]
    assert second["kept_weights"] == round(first["prunable_weights"] / 4)


def test_counters_may_be_left_out(file: Path) -> None:
    save_file({name: t for name, t in network().state_dict().items() if "num_batches" not in name}, file)
    found = read_weights(Pretrained(path=str(file), checksum=describe_weights(str(file), network())), network())
    assert found.keys() == network().state_dict().keys()


def test_other_networks_files_are_refused(file: Path) -> None:
    state = network().state_dict()
    name = next(iter(state))
    for changed, message in (
        ({key: value for key, value in state.items() if key != name}, f"it lacks `{name}`"),
        (state | {"extra": torch.zeros(1)}, "it also has `extra`"),
        (state | {name: torch.zeros(2, 3)}, rf"`{name}` has shape \(2, 3\), not"),
        ({"a": torch.zeros(1)}, r"it lacks .* and \d+ more; it also has `a`\n\nhint: its names"),
    ):
        save_file(changed, file)
        with pytest.raises(InputError, match=message):
            describe_weights(str(file), network())


def test_files_that_are_not_networks(file: Path) -> None:
    file.write_bytes(b"\x80\x04 a pickle, for all we know")
    with pytest.raises(InputError, match="is not a safetensors file"):
        describe_weights(str(file), network())
    with pytest.raises(InputError, match=r"cannot read `.*none.safetensors`: No such file"):
        describe_weights(str(file.with_name("none.safetensors")), network())


def test_a_file_that_changed_since_is_refused(file: Path) -> None:
    trial = pretrained(file)
    save_file(network(6).state_dict(), file)
    with pytest.raises(BadInput, match="has changed since the sweep was planned"):
        read_weights(trial.pretrained, network())
    file.unlink()
    with pytest.raises(BadInput, match="cannot read"):
        read_weights(trial.pretrained, network())


def test_descriptions_have_the_checksums(file: Path) -> None:
    task = tiny.task()
    asked = {"dataset": task.dataset, "network": task.network, "recipe": task.recipe, "pruning": Pruning()}
    request = {key: canonical(value) for key, value in asked.items()}
    assert answer(request)["facts"]["pretrained"] == {}
    known = answer(request | {"pretrained": [str(file)]})["facts"]["pretrained"]
    assert known == {str(file): describe_weights(str(file), network())}
    assert "cannot read `nowhere`" in answer(request | {"pretrained": ["nowhere"]})["error"]


class Tied(nn.Module):
    """Three names of one weight, and two of one buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3, bias=False)
        self.second.weight = self.third.weight = self.first.weight
        self.register_buffer("scale", torch.rand(2))
        self.register_buffer("factor", self.scale)


def test_tied_weights_are_read_under_all_of_their_names(tmp_path: Path) -> None:
    path, saved = str(tmp_path / "tied.safetensors"), Tied()
    save_model(saved, path)
    loaded = Tied()
    loaded.load_state_dict(read_weights(Pretrained(path=path, checksum=describe_weights(path, loaded)), loaded))
    assert loaded.state_dict().keys() == saved.state_dict().keys()
    assert all(torch.equal(tensor, saved.state_dict()[name]) for name, tensor in loaded.state_dict().items())


def test_a_file_without_any_name_of_a_tied_weight_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "tied.safetensors")
    names = ("first.weight", "second.weight", "third.weight", "factor")
    save_file({name: tensor for name, tensor in Tied().state_dict().items() if name not in names}, path)
    with pytest.raises(InputError, match=r"it lacks `first\.weight`, `second\.weight`, `third\.weight`"):
        describe_weights(path, Tied())
