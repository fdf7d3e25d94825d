"""A recorded pass gives the bits of one that is not. A stand-in for CUDA's recorder keeps memory as a GPU does."""

import gc
import weakref
from dataclasses import replace

import pytest
import torch

from tests.support import tiny
from tests.support.trainings import CPU, through_a_file, training
from workers.data.batches.share import WHOLE, BatchShare
from workers.data.loading import open_data
from workers.training import cuda_graph, trainer
from workers.training.cuda_graph import GraphedPass, is_graphable
from workers.trial import Network

GPU = torch.device("cuda")
RESNET = Network(name="cifar_resnet", arguments={"depth": 8, "width": 2})


def recorded(run):
    """As `_capture`: it sets itself up, and a replay computes in the memory of the recording."""
    run()
    step, parameters = run(), run.func.__self__._parameters
    gradients = [parameter.grad for parameter in parameters]

    def replay():
        again = run()
        step.loss.copy_(again.loss)
        step.correct.copy_(again.correct)
        for gradient, parameter in zip(gradients, parameters, strict=True):
            gradient.copy_(parameter.grad)

    return step, replay


def graphed(trial, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "is_graphable", lambda *_: True)
        patch.setattr(cuda_graph, "_capture", recorded)
        begun = training(trial)
        begun.advance()  # records
    return begun


@pytest.mark.parametrize("network", [tiny.PERCEPTRON, RESNET], ids=lambda network: network.name)
def test_a_recorded_pass_gives_the_same_bits(monkeypatch, network):
    """Dropout, running statistics, momentum and a state in between included."""
    trial = tiny.dense()
    trial = replace(trial, task=replace(trial.task, network=network))
    plain, replayed = training(trial), graphed(trial, monkeypatch)
    for _ in range(5):
        plain.advance()
    for _ in range(2):
        replayed.advance()
    resumed = training(trial)
    resumed.restore(through_a_file(replayed.state()))
    for _ in range(2):
        replayed.advance()
        resumed.advance()
    assert isinstance(replayed._graph, GraphedPass)
    assert plain.state().digest() == replayed.state().digest() == resumed.state().digest()
    assert plain.history == replayed.history


def test_the_loss_of_a_step_outlives_the_next_replay(monkeypatch):
    begun = graphed(tiny.dense(), monkeypatch)
    first = begun._graph(begun._add_gradient, begun.stream.batch(1))
    before = (first.loss.item(), first.correct.item())
    second = begun._graph(begun._add_gradient, begun.stream.batch(2))
    assert (first.loss.item(), first.correct.item()) == before
    assert second.loss.item() != before[0]


@pytest.mark.parametrize("is_graphed", [False, True])
def test_a_trainer_is_freed_at_once(monkeypatch, is_graphed):
    """And with it what reads batches ahead, and the memory of its network: nothing waits for the garbage collector."""
    monkeypatch.setattr(trainer, "is_graphable", lambda *_: is_graphed)
    monkeypatch.setattr(cuda_graph, "_capture", lambda run: (run(), lambda: None))
    begun = training(tiny.dense())
    begun.advance()
    alive = weakref.ref(begun), weakref.ref(begun.model)
    gc.disable()
    try:
        del begun
        assert [reference() for reference in alive] == [None, None]
    finally:
        gc.enable()


def test_what_is_recorded():
    task = tiny.dense().task
    facts = open_data(task.dataset, CPU).facts
    assert is_graphable(task, facts, GPU, WHOLE)
    assert not is_graphable(task, facts, CPU, WHOLE)
    assert not is_graphable(task, facts, GPU, BatchShare(0, 2))
    assert not is_graphable(task, object(), GPU, WHOLE)
    assert not is_graphable(replace(task, network=Network(name="mine:network")), facts, GPU, WHOLE)
    weighted = {"loss_arguments": {"weight": [1.0, 2.0, 1.0, 1.0]}, "label_smoothing": 0.1}
    for settings in (weighted, {"loss": "mine:loss"}, {"loss": "multi_margin"}, {"clip_group": 4}):
        assert not is_graphable(replace(task, recipe=replace(task.recipe, **settings)), facts, GPU, WHOLE)
