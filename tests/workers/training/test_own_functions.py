"""Networks, data sets and losses of the user's own."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.support.own_modules import Write
from workers.data.image_facts import ImageFacts
from workers.data.loading import load_source
from workers.describe.answers import answer
from workers.errors import BadInput, InputError
from workers.models.build import build, prunable
from workers.registry import is_own, load_own
from workers.training.cost import costs, sparse
from workers.training.losses import check_loss, loss_function
from workers.trial import Dataset, Network, Pruning, Recipe, canonical

FACTS = ImageFacts(train_images=8, test_images=4, channels=1, height=6, width=6, classes=3, fingerprint="sha256:0")
RECIPE = Recipe(batch_size=4, optimizer="SGD")
TRIED = torch.zeros((2, 3), requires_grad=True), torch.zeros(2, dtype=torch.int64)


def own_network(name: str, **arguments: object) -> nn.Module:
    return build(Network(name=name, arguments=arguments), FACTS, RECIPE, 0, "dense")


def test_names_of_ones_own() -> None:
    assert is_own("models:build")
    assert is_own("my_package.models:Net")
    assert not any(is_own(name) for name in ("resnet20", "models:", ":build", "my-models:build", "a:b:c", "a..b:c"))


def test_a_network_of_ones_own(module: Write) -> None:
    name = module("""
        def build(*, input_shape, classes, width=4):
            return nn.Sequential(nn.Flatten(), nn.Linear(36, width), nn.Dropout(), nn.Linear(width, classes)).eval()
    """)
    network = own_network(f"{name}:build", width=5)
    assert [tuple(weight.shape) for weight in prunable(network).values()] == [(5, 36), (3, 5)]
    assert all(part.training for part in network.modules())
    same = own_network(f"{name}:build", width=5)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), same.parameters(), strict=True))


def test_lazy_layers_start_from_the_trials_seed(module: Write) -> None:
    name = module("""
        def build(input_shape, classes):
            return nn.Sequential(nn.Flatten(), nn.LazyLinear(classes))
    """)
    first = own_network(f"{name}:build").state_dict()
    torch.manual_seed(99)
    assert torch.equal(first["1.weight"], own_network(f"{name}:build").state_dict()["1.weight"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_package.models:build", "module `no_such_package` not found\n\nhint: .*current directory"),
        ("os.nothing:build", "module `os.nothing` not found"),
        ("math:build", "`build` not found\n\nhint: use one of acos"),
        ("math:pi", "`pi` is not a function"),
    ],
)
def test_functions_that_are_not_there(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_own(name)


def test_modules_that_break(module: Write) -> None:
    name = module("raise ZeroDivisionError('half done')")
    with pytest.raises(
        InputError, match=rf"cannot import `{name}:f`: ZeroDivisionError: half done \({name}.py, line 3"
    ):
        load_own(f"{name}:f")
    name = module("import no_such_dependency")
    with pytest.raises(InputError, match="no_such_dependency"):
        load_own(f"{name}:f")


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("def f(classes): ...", BadInput, "returned NoneType"),
        (
            "def f(input_shape, classes, depth): ...",
            InputError,
            "neither the sweep file nor the data give: `depth`\n\nhint: the data give `input_shape`, `classes`;",
        ),
        ("def f(**a): return 5", BadInput, "returned int, not a torch.nn.Module"),
        ("def f(**a): return {}['a']", BadInput, r"failed: KeyError: 'a' \(own_.*, line 3\)"),
        ("def f(**a): ...", BadInput, "returned NoneType, .*\n\nhint: end the function with `return network`"),
        ("def f(**a): return nn.Flatten", BadInput, r"returned type, .*\n\nhint: return an instance: `Flatten\(...\)`"),
        ("f = nn.Flatten()", BadInput, "not a network: Flatten\n\nhint: name a function that builds a new one"),
        (
            "def f(**a): return nn.Flatten()",
            BadInput,
            r"in evaluation mode, not to torch.float32 of shape \(2, 36\)\n\nhint: keep the first dimension",
        ),
        ("def f(**a): return nn.LSTM(6, 3)", BadInput, "cannot take a batch of shape(?s:.*)hint: .* for any N"),
        (
            "def f(**a): return nn.Unflatten(0, (5, 20))",  # a batch of 100, and no other
            BadInput,
            "cannot take a batch of shape(?s:.*)hint: .* take sizes from `x.shape`",
        ),
    ],
)
def test_networks_that_do_not_keep_the_protocol(code: str, error: type[Exception], message: str, module: Write) -> None:
    with pytest.raises(error, match=message):
        own_network(f"{module(code)}:f")


def test_more_than_logits_in_training_is_refused(module: Write) -> None:
    name = module("""
        class Net(nn.Module):
            def __init__(self, input_shape, classes):
                super().__init__()
                self.layer = nn.Linear(36, classes)
            def forward(self, x):
                logits = self.layer(x.flatten(1))
                return (logits, logits) if self.training else logits
    """)
    with pytest.raises(BadInput, match="one tensor of logits in training mode, not to tuple"):
        own_network(f"{name}:Net")


DATA = """
    from workers.data.images import Images
    def load(count=8, classes=3):
        pixels = torch.arange(count * 36, dtype=torch.uint8).view(count, 1, 6, 6)
        labels = torch.arange(count) % classes
        return Images(train_images=pixels, train_labels=labels, test_images=pixels[:4], test_labels=labels[:4],
                      classes=classes)
"""


def test_data_of_ones_own(module: Write) -> None:
    images = load_source(Dataset(name=f"{module(DATA)}:load", arguments={"count": 6}))
    assert images.train_images.shape == (6, 1, 6, 6)


@pytest.mark.parametrize(
    ("code", "arguments", "error", "message"),
    [
        (DATA, {"size": 3}, InputError, "unexpected keyword argument 'size'\n\nhint: it is called with .* size"),
        (
            "def load(): return [1]",
            {},
            BadInput,
            "returned list, not one of prunesweep's data sets\n\nhint: return `prunesweep",
        ),
        ("from prunesweep import Images\ndef load(): return Images", {}, BadInput, "returned type, not one of"),
        ("def load(): raise OSError('no disk')", {}, BadInput, "failed: OSError: no disk"),
        ("def load(): raise SystemExit(5)", {}, BadInput, "failed: SystemExit: 5"),
    ],
)
def test_data_that_do_not_keep_the_protocol(
    code: str, arguments: dict[str, int], error: type[Exception], message: str, module: Write
) -> None:
    with pytest.raises(error, match=message):
        load_source(Dataset(name=f"{module(code)}:load", arguments=arguments))


def test_descriptions_of_ones_own_code(module: Write) -> None:
    name = module(
        DATA
        + """
    def build(input_shape, classes):
        return nn.Sequential(nn.Flatten(), nn.Linear(36, classes))
    def loss(logits, labels):
        return -logits[:, labels].mean()
    """
    )
    request = {
        "dataset": Dataset(name=f"{name}:load"),
        "network": Network(name=f"{name}:build"),
        "recipe": dataclasses.replace(RECIPE, loss=f"{name}:loss"),
        "pruning": Pruning(),
    }
    asked = {key: canonical(value) for key, value in request.items()}
    facts = answer(asked)["facts"]["network"]
    assert facts["layers"] == [{"name": "1.weight", "shape": [3, 36], "weights": 108, "multiply_adds": 108.0}]
    asked["recipe"] |= {"loss": f"{name}:lose"}
    assert "did you mean `loss`" in answer(asked)["hint"]


def test_a_loss_of_ones_own(module: Write) -> None:
    name = module("def f(logits, labels): return (logits ** 2).sum()")
    recipe = dataclasses.replace(RECIPE, loss=f"{name}:f")
    check_loss(recipe, *TRIED)
    assert loss_function(recipe)(torch.tensor([[2.0, 1.0]]), torch.tensor([0])).item() == 5


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "def f(logits, labels): return logits",
            r"must return a scalar tensor .* not a tensor of shape \(2, 3\)\n\nhint: average it over the batch",
        ),
        (
            "def f(logits, labels): return logits.detach().sum()",
            r"of shape \(\) without gradient\n\nhint: compute it from the outputs by differentiable operations",
        ),
        ("def f(logits, labels): return 1.0", "not float\n\nhint: return a tensor"),
        ("def f(logits, labels): logits.sum()", "not NoneType\n\nhint: end the function with `return`"),
        (
            "def f(logits): return logits.sum()",
            r"failed on outputs float32 \(2, 3\) and targets int64 \(2,\): TypeError(?s:.*)hint: it is called with",
        ),
        (
            "class f(nn.CrossEntropyLoss): ...",
            r"must be a function, not a class: f\n\nhint: .* a callable object, such as `mine = f\(\)`",
        ),
    ],
)
def test_functions_that_are_not_losses(code: str, message: str, module: Write) -> None:
    with pytest.raises((BadInput, InputError), match=message):
        check_loss(dataclasses.replace(RECIPE, loss=f"{module(code)}:f"), *TRIED)


def test_label_smoothing_belongs_to_cross_entropy() -> None:
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    smoothed = loss_function(dataclasses.replace(RECIPE, label_smoothing=0.1))
    assert torch.equal(smoothed(logits, labels), F.cross_entropy(logits, labels, label_smoothing=0.1))
    with pytest.raises(InputError, match="`label_smoothing` has no effect"):
        loss_function(dataclasses.replace(RECIPE, loss="losses:f", label_smoothing=0.1))
    with pytest.raises(InputError, match=r"unknown loss: `hinge`(?s:.*)hinge_embedding"):
        loss_function(dataclasses.replace(RECIPE, loss="hinge"))


class Transformer(nn.Module):
    """Pixels as 6 tokens of 6, attended to and embedded positions, tied input and output projections."""

    def __init__(self) -> None:
        super().__init__()
        self.positions = nn.Embedding(6, 6)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.other = nn.MultiheadAttention(6, 2, kdim=6, vdim=4, batch_first=True)
        self.up = nn.ConvTranspose1d(6, 5, 1)
        self.out = nn.Linear(6, 3)
        self.scale = nn.Parameter(torch.ones(6, 6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1, 2) @ self.scale + self.positions.weight
        x, _ = self.attention(x, x, x)
        x, _ = self.other(x, x, x[..., :4])
        return self.out(self.up(x.mT).mean(1))


LAYERS = {
    "attention.in_proj_weight": 108,
    "attention.out_proj.weight": 36,
    "other.q_proj_weight": 36,
    "other.k_proj_weight": 36,
    "other.v_proj_weight": 24,
    "other.out_proj.weight": 36,
    "up.weight": 30,
    "out.weight": 18,
}


def test_convolutions_linear_layers_and_attention_are_pruned_by_default() -> None:
    assert {name: weight.numel() for name, weight in prunable(Transformer()).items()} == LAYERS


def test_patterns_add_and_leave_out_parameters() -> None:
    network = Transformer()
    assert set(prunable(network, include=["positions.*", "scale"])) == {*LAYERS, "positions.weight", "scale"}
    some = prunable(network, exclude=["up.*"], include=["*.bias"])
    assert {"up.weight", "up.bias"}.isdisjoint(some)
    assert "out.bias" in some
    with pytest.raises(
        InputError, match=r"`include` pattern `embed.\*` matches no parameter\n\nhint: they are .*scale"
    ):
        prunable(network, include=["embed.*"])
    with pytest.raises(InputError, match="matches no prunable weight"):
        prunable(network, exclude=["positions.*"])


def test_attention_costs_by_hand() -> None:
    cost = costs(Transformer(), torch.zeros(1, 1, 6, 6))
    tokens, heads, scores = 6, 2, 2 * 6 * 6 * 3
    projections = {name: tokens * weights for name, weights in LAYERS.items() if name != "out.weight"}
    assert cost.per_layer == projections | {"out.weight": 18, "scale": tokens * 36}
    assert cost.multiply_adds == sum(cost.per_layer.values()) + 2 * heads * scores
    assert sparse(cost, {"scale": 0.5, "positions.weight": 0.5})[0] == cost.multiply_adds - tokens * 18
