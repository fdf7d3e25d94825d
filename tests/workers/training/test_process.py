"""Trials that share a process end with the bits that they have alone."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest
import torch

from tests.support.own_modules import Write
from tests.support.tiny import dense, task
from tests.support.trainings import train, training
from workers.training.process import configure
from workers.trial import Network, Recipe

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
