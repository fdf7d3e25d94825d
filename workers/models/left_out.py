"""The parameters of a network that pruning leaves alone, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from workers.models.weights import Weight, weights

_KINDS: dict[str, tuple[type[nn.Module], ...]] = {
    "normalization": (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm),
    "embedding": (nn.Embedding, nn.EmbeddingBag),
    "recurrent layer": (nn.RNNBase, nn.RNNCellBase),
}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A parameter that is not pruned; `weights` is 0 for one that is tied to another, which counts."""

    name: str
    shape: list[int]
    weights: int
    reason: str


def left_out(network: nn.Module, exclude: Sequence[str] = (), include: Sequence[str] = ()) -> list[LeftOut]:
    """All parameters that `workers.models.build.prunable` does not return, in the network's order; tied ones last."""
    rows = []
    parameters = dict(network.named_parameters())
    for weight in weights(network):
        candidate = weight.by_rule or weight.matches(include)
        if candidate and not weight.matches(exclude):
            rest = [name for name in weight.parameters if parameters[name] is not weight.source]
            rows += [_row(name, parameters[name], f"scale of `{weight.name}`") for name in rest]
        else:
            reason = _excluded_by(weight, exclude) if candidate else _kind(network, weight.name)
            rows += [_row(name, parameters[name], reason) for name in weight.parameters]
    return rows + _tied(network, parameters)


def _row(name: str, parameter: Tensor, reason: str) -> LeftOut:
    return LeftOut(name, list(parameter.shape), parameter.numel(), reason)


def _excluded_by(weight: Weight, exclude: Sequence[str]) -> str:
    return f"excluded by `{next(pattern for pattern in exclude if weight.matches([pattern]))}`"


def _kind(network: nn.Module, name: str) -> str:
    """What a parameter is that is not pruned by default."""
    path, _, attribute = name.rpartition(".")
    layer = network.get_submodule(path)
    kinds = [kind for kind, types in _KINDS.items() if isinstance(layer, types)]
    if kinds:
        return kinds[0]
    return "bias" if fnmatchcase(attribute, "*bias*") else f"in {type(layer).__name__}, not pruned by default"


def _tied(network: nn.Module, parameters: dict[str, nn.Parameter]) -> list[LeftOut]:
    """The further names of tied parameters."""
    first = {id(parameter): name for name, parameter in parameters.items()}
    return [
        LeftOut(name, list(parameter.shape), 0, f"tied to `{first[id(parameter)]}`")
        for name, parameter in network.named_parameters(remove_duplicate=False)
        if name not in parameters
    ]
