"""Several ranks train as one process does, continue to the same bits, and end together."""

import json
import sys
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from torch import nn

from tests.support import tiny
from tests.support.trainings import training
from workers.data.batches.ranks import check_ranks
from workers.data.batches.share import BatchShare
from workers.errors import InputError, TrialError
from workers.machine.device import Device
from workers.store import Store
from workers.training import exchange as exchange_module
from workers.training import member, team
from workers.training.attempt import Attempt, Bounds
from workers.training.exchange import PATIENCE, Exchange, PeerLost, connect
from workers.training.run import run
from workers.training.states.state import parse_state
from workers.trial import Job, Network, Recipe, Stop, trial_id

OFTEN = Device(checkpoint_seconds=0, chunk_seconds=0)
NETWORK = Network(name="mlp", arguments={"hidden": [16, 12], "batch_norm": True})
DENSE = tiny.dense(tiny.task(network=NETWORK, batch_norm_group=4))
CHILD = tiny.retraining("lr_rewinding", DENSE)
STOPS = (4, tiny.TOTAL - 8)
JOB = Job(trial=CHILD, records=STOPS, checkpoints=STOPS, ranks=2)


def new_store(folder):
    """A store that has the dense network, which one process has trained."""
    store = Store(folder, create=True)
    list(run(Job(trial=DENSE, records=(), checkpoints=(8, tiny.TOTAL)), store, Device()))
    return store


def state_of(store, step):
    return parse_state(store.states.read_checkpoint(Stop(trial_id(CHILD), step)), "checkpoint")


def records_of(store):
    rows = store.records.read_all().table.to_pylist()
    return {row["step"]: row for row in rows if row["trial"] == trial_id(CHILD)}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """The same trial: by one process, by two ranks, and by two of which one is killed, then by two more.

    `ending` is how the attempt ended whose rank was killed, and `processes` are all ranks but the first.
    """
    folder = tmp_path_factory.mktemp("ranks")
    alone, undisturbed, killed = (new_store(folder / name) for name in ("alone", "undisturbed", "killed"))
    processes = []
    start = team.Team._start

    def noting_start(self, *arguments):
        processes.append(start(self, *arguments))
        return processes[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(team.Team, "_start", noting_start)
        patch.setattr(exchange_module, "MEETING", PATIENCE)  # a busy machine may need minutes
        list(run(replace(JOB, ranks=1), alone, Device()))
        list(run(JOB, undisturbed, Device()))
        attempt = Attempt(JOB, killed, OFTEN, Bounds(lease="token"))
        ending = None
        while ending is None:
            ending = attempt.advance(0)
            if attempt.step == STOPS[0] + 2:
                processes[-1].kill()
        list(run(JOB, killed, Device()))
    return SimpleNamespace(alone=alone, undisturbed=undisturbed, killed=killed, ending=ending, processes=processes)


def test_two_ranks_train_as_one_process_does(stores):
    for step in STOPS:
        one, two = state_of(stores.alone, step), state_of(stores.undisturbed, step)
        assert one.digest() != two.digest()
        assert all(torch.equal(one.masks[name], two.masks[name]) for name in one.masks)
        for name, tensor in one.tensors().items():
            torch.testing.assert_close(two.tensors()[name], tensor, rtol=1e-5, atol=1e-5, msg=name)
        alone, ranks = records_of(stores.alone)[step], records_of(stores.undisturbed)[step]
        assert (alone["ranks"], ranks["ranks"]) == (1, 2)
        same = ("kept_weights", "achieved_density", "mask_digest", "learning_rate", "test_score", "train_score")
        assert [ranks[column] for column in same] == [alone[column] for column in same]
        assert ranks["test_loss"] == pytest.approx(alone["test_loss"], rel=1e-5)


def test_a_killed_rank_ends_the_attempt_and_the_next_one_gives_the_same_bits(stores):
    assert stores.ending.outcome == "lost_worker"
    assert stores.ending.failure.reason == "rank 1 of the trial was lost: its process ended with exit code -9"
    last = STOPS[-1]
    assert records_of(stores.killed)[last]["attempts"] == 2
    assert state_of(stores.killed, last).digest() == state_of(stores.undisturbed, last).digest()


def test_a_trial_that_continues_on_another_number_of_ranks_says_so_in_its_log(stores, caplog):
    list(run(replace(JOB, records=(tiny.TOTAL,), checkpoints=(), ranks=1), stores.undisturbed, Device()))
    assert f"2 ranks trained up to step {STOPS[-1]}, and now 1 rank: the last bits differ" in caplog.text
    assert records_of(stores.undisturbed)[tiny.TOTAL]["ranks"] == 1


def test_no_process_and_no_group_is_left(stores):
    assert len(stores.processes) == 3
    assert all(process.poll() is not None for process in stores.processes)
    assert not dist.is_initialized()


@pytest.fixture
def two_ranks():
    """The team of a trial on two ranks, the second of which has ended with exit code -9."""
    ranks = team.Team(2)
    ranks._processes = [SimpleNamespace(poll=lambda: -9, returncode=-9, kill=lambda: None, wait=lambda: None)]
    (ranks._folder / "1.printed").write_text("its last words")
    yield ranks
    ranks.close()


@pytest.mark.parametrize(("kills", "outcome"), [(None, "lost_worker"), (0, "lost_worker"), (1, "out_of_memory")])
def test_a_rank_that_the_kernel_kills_for_memory_has_run_out_of_it(two_ranks, monkeypatch, kills, outcome):
    two_ranks._memory_kills = kills and 0
    monkeypatch.setattr(team, "memory_kills", lambda: kills)
    with pytest.raises(team.RankFailed, match="rank 1 of the trial") as caught:
        two_ranks._check_alive()
    assert caught.value.outcome == outcome


def test_a_process_that_waits_on_a_gpu_for_a_rank_that_has_ended_says_why_it_ends(two_ranks, monkeypatch, capsys):
    ended = []
    monkeypatch.setattr(team, "_LAST_WAIT", 0.0)
    monkeypatch.setattr("os._exit", ended.append)
    two_ranks._end_if_stuck()
    assert ended == [1]
    said = "its last words\nrank 1 of the trial was lost: its process ended with exit code -9\n"
    assert capsys.readouterr().err == said


def test_a_rank_that_dies_before_it_is_connected_is_missed(two_ranks, monkeypatch):
    (two_ranks._folder / "1.ready").touch()
    monkeypatch.setattr(exchange_module, "MEETING", timedelta(seconds=0.01))
    with pytest.raises(team.RankFailed, match="rank 1 of the trial was lost: its process ended with exit code -9"):
        two_ranks.join(training(DENSE))
    assert not dist.is_initialized()


def test_where_no_rank_has_ended_the_log_has_what_they_print(two_ranks, monkeypatch, capsys):
    two_ranks._processes = []
    monkeypatch.setattr(team, "_FIRST_WAIT", 0.0)
    with pytest.raises(PeerLost, match="Wait timeout"), two_ranks._explained():
        raise PeerLost("Wait timeout")
    assert capsys.readouterr().err == "its last words\n"


def test_connected_ranks_wait_for_each_other_for_long(exchange):
    exchange(nn.Linear(1, 1))
    assert dist.group.WORLD._get_backend(torch.device("cpu")).options._timeout == PATIENCE


@pytest.fixture
def rank(tmp_path, monkeypatch):
    """Runs `main` of rank 1 here, which does this in place of training; returns its exit code."""
    (tmp_path / "1.json").write_text(json.dumps({"parent": 0, "path": sys.path}))
    monkeypatch.setattr(sys, "argv", ["member", str(tmp_path / "1.json"), "1"])
    monkeypatch.setattr("signal.signal", lambda number, handler: None)
    monkeypatch.setattr(member, "end_with_parent", lambda parent: None)

    def call(train):
        monkeypatch.setattr(member, "_train", lambda *_: train())
        with pytest.raises(SystemExit) as ended:
            member.main()
        return ended.value.code

    return call


def test_a_rank_whose_code_exits_has_failed(rank, tmp_path):
    assert rank(lambda: sys.exit(0)) == 1
    assert json.loads((tmp_path / "1.failed").read_text())["reason"] == "SystemExit: 0"


def test_a_rank_that_misses_another_prints_it_and_has_not_failed(rank, tmp_path, capsys):
    def miss():
        raise PeerLost("another rank of the trial was lost: connection refused")

    assert rank(miss) == 0
    assert not (tmp_path / "1.failed").exists()
    assert capsys.readouterr().err == "another rank of the trial was lost: connection refused\n"


def test_errors_are_printed_after_a_trial_as_before(tmp_path):
    hook = sys.excepthook
    connect(BatchShare(), str(tmp_path / "meeting"), torch.device("cpu"))
    dist.destroy_process_group()
    assert sys.excepthook is hook


@pytest.fixture
def exchange(tmp_path):
    """Makes the exchange of the only rank of a network."""
    connect(BatchShare(), str(tmp_path / "meeting"), torch.device("cpu"))
    yield lambda network: Exchange(network, list(network.parameters()), BatchShare())
    dist.destroy_process_group()


@pytest.mark.parametrize("adds_up", [False, True])
def test_unused_parameters_have_no_gradient_unless_another_rank_has_used_them(exchange, monkeypatch, adds_up):
    network = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    used, elsewhere, nowhere = (layer.weight for layer in network)
    used.grad = torch.tensor([[1.0, 2.0]])

    def with_another(flat):  # its gradients of the three, its loss, its correct examples, and what it has used
        flat += torch.tensor([3.0, 4.0, 8.0, 0.0, 1.5, 3.0, 1.0, 1.0, 0.0])

    monkeypatch.setattr(dist, "all_reduce", with_another)
    both = Exchange(network, list(network.parameters()), BatchShare(0, 2), adds_up)
    step = both.step(torch.tensor(0.5), torch.tensor(1), 4)
    assert (step.loss.item(), step.correct.item(), step.examples) == (1.0, 4, 8)
    assert used.grad.tolist() == ([[4, 6]] if adds_up else [[2, 3]])
    assert elsewhere.grad.tolist() == ([[8]] if adds_up else [[4]])
    assert nowhere.grad is None


def test_ranks_with_different_states_are_a_bug(exchange, monkeypatch):
    exchange(nn.Linear(1, 1)).check_same("ab" * 32, 3)
    monkeypatch.setattr(dist, "all_gather", lambda digests, own: None)
    digests = [torch.tensor([1]), torch.tensor([2])]
    monkeypatch.setattr(torch, "empty_like", lambda own: digests.pop())
    with pytest.raises(TrialError, match="different weights or buffers after step 3") as caught:
        Exchange(nn.Linear(1, 1), [], BatchShare(0, 2)).check_same("ab" * 32, 3)
    assert caught.value.outcome == "bug"


@pytest.mark.parametrize(
    ("batch", "group", "about", "hint"),
    [
        (10, None, "batch_size", "use 8, or another number of `gpus`"),
        (16, None, "batch_size", "add `batch_norm_group: 4` to the recipe"),
        (16, 8, "batch_norm_group", "use `batch_norm_group: 4` or another divisor"),
    ],
)
def test_batches_that_ranks_cannot_share_are_refused(batch, group, about, hint):
    recipe = Recipe(batch_size=batch, optimizer="SGD", batch_norm_group=group)
    with pytest.raises(InputError) as caught:
        check_ranks(recipe, 4, has_batch_norm=True)
    assert caught.value.about == about
    assert hint in caught.value.hint


def test_groups_that_are_clipped_apart_are_not_divided_among_ranks():
    recipe = Recipe(batch_size=16, optimizer="SGD", clip_grad_norm=1.0, clip_group=8)
    with pytest.raises(InputError, match=r"`clip_group` must divide the 4 examples that each of 4 GPUs has .*: 8"):
        check_ranks(recipe, 4, has_batch_norm=False)


def test_batches_that_ranks_can_share():
    recipe = Recipe(batch_size=16, optimizer="SGD")
    check_ranks(recipe, 4, has_batch_norm=False)
    check_ranks(recipe, 1, has_batch_norm=True)
    check_ranks(replace(recipe, batch_norm_group=2, clip_group=4), 4, has_batch_norm=True)
