"""Trials that share a process end with the bits that they have alone."""

from __future__ import annotations

import random
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.support.own_modules import Write
from tests.support.tiny import dense, task
from tests.support.trainings import train, training
from workers.machine.device import Device
from workers.store import Store
from workers.training.process import configure
from workers.training.run import run
from workers.trial import Dataset, Job, Network, Recipe

NETWORK = """
def build(*, input_shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, classes))
"""
AT_THE_TOP = [
    "torch.manual_seed(42)",
    "import numpy, random; numpy.random.seed(42); random.seed(42)",
    "torch.rand(7)",
    "torch.set_num_threads(3)",
    "torch.use_deterministic_algorithms(False)",
    "torch.set_default_dtype(torch.float64)",
    "torch.set_grad_enabled(False)",
    "torch.set_float32_matmul_precision('medium')",
]


@pytest.fixture(autouse=True)
def defaults():
    yield
    configure(Recipe(batch_size=1, optimizer="SGD"))


def replicate(name: str, number: int):
    return dense(task(network=Network(name=f"{name}:build")), number)


@pytest.mark.parametrize("statement", AT_THE_TOP)
def test_what_a_module_does_at_its_top_level_reaches_no_trial(module: Write, statement: str) -> None:
    name = module(NETWORK)
    expected = train(replicate(name, 1), 3).digest()
    del sys.modules[name]
    module(f"{statement}\n{NETWORK}")
    first_of_its_process = train(replicate(name, 1), 3)
    second = train(replicate(name, 1), 3)
    assert first_of_its_process.digest() == second.digest() == expected


def test_replicates_differ_where_each_is_the_first_of_its_process(module: Write) -> None:
    name = module(f"torch.manual_seed(42)\n{NETWORK}")
    zero = training(replicate(name, 0)).state()
    del sys.modules[name]
    one = training(replicate(name, 1)).state()
    assert not torch.equal(zero.model["1.weight"], one.model["1.weight"])


def test_what_a_function_imports_itself_reaches_no_trial(module: Write, tmp_path, monkeypatch) -> None:
    (tmp_path / "helper_of_a_test.py").write_text("import torch\ntorch.manual_seed(42)\n")
    name = module("""
        def build(*, input_shape, classes):
            import helper_of_a_test
            return nn.Sequential(nn.Flatten(), nn.Linear(36, classes))
    """)
    monkeypatch.delitem(sys.modules, "helper_of_a_test", raising=False)
    first, second = (training(replicate(name, 0)).state().digest() for _ in range(2))
    assert first == second


def test_every_generator_is_seeded_at_every_step(module: Write) -> None:
    name = module("""
        import random
        import numpy as np

        class Gated(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(36, 4)
                self.scale = float(np.random.rand() + random.random())

            def forward(self, x):
                logits = self.scale * self.linear(x.flatten(1))
                return logits * np.random.rand() if random.random() < 0.5 else logits

        def build(*, input_shape, classes):
            return Gated()
    """)
    np.random.seed(1)
    random.seed(1)
    first = train(replicate(name, 0), 6).digest()
    assert train(replicate(name, 0), 6).digest() == first


def test_trials_with_other_threads_in_turns_in_one_process_have_the_bits_that_they_have_alone(tmp_path) -> None:
    data = Dataset(name="synthetic", arguments={"train_images": 64, "test_images": 20, "channels": 3, "size": 32})
    network = Network(name="cifar_resnet", arguments={"depth": 8})
    trials = [dense(replace(task(network=network, threads=threads), dataset=data)) for threads in (1, 2)]
    alone, together = (Store(tmp_path / name, create=True) for name in ("alone", "together"))
    jobs = [Job(trial=trial, records=(3,), checkpoints=()) for trial in trials]
    often = Device(chunk_seconds=0)
    for job in jobs:
        list(run(job, alone, often))
    for _ in zip(*(run(job, together, often) for job in jobs), strict=True):
        pass
    digests = [
        {row["trial"]: (row["state_digest"], row["threads"]) for row in store.records.read_all().table.to_pylist()}
        for store in (alone, together)
    ]
    assert digests[0] == digests[1]
    assert {threads for _, threads in digests[0].values()} == {1, 2}
