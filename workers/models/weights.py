"""The weights of a network that could be pruned, under the names that people know them by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.conv import _ConvNd

from workers.errors import InputError
from workers.models.parametrized import Computed, Unprunable, computed_weights

_PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")


@dataclass(frozen=True, kw_only=True, slots=True)
class Weight:
    """A parameter, or a tensor that a layer computes from `parameters`; a mask applies to the parameter `source`.

    `by_rule` says whether it is pruned by default, and `obstacle` why it cannot be pruned (None: it can).
    """

    name: str
    parameters: tuple[str, ...]
    source: nn.Parameter
    by_rule: bool
    obstacle: str | None = None

    def matches(self, patterns: Sequence[str]) -> bool:
        """Whether a pattern (fnmatch) matches its name, or that of a parameter that it is computed from."""
        return any(fnmatchcase(name, pattern) for name in (self.name, *self.parameters) for pattern in patterns)

    def check(self) -> None:
        """Raise InputError if it cannot be pruned."""
        if self.obstacle is not None:
            raise InputError(
                f"`{self.name}` cannot be pruned: {self.obstacle}",
                hint=f"leave it dense with `exclude: [{self.name}]`, or use weight_norm or spectral_norm, which can be "
                "pruned",
            )


def weights(network: nn.Module) -> list[Weight]:
    """All parameters in the network's order, tied ones once; those that a layer computes a tensor from as that tensor.

    By rule are the weights of convolutions (also transposed ones), linear layers and attention projections, and what a
    network names with a method `prunable_parameters()`.
    """
    parameters = dict(network.named_parameters())
    rule = dict(_by_rule(network)) | {n: parameters[n] for n in _declared(network) if n in parameters}
    hidden = {name: weight for name, weight in rule.items() if isinstance(weight, Unprunable)}
    computed = {
        name: weight
        for name, weight in (hidden | computed_weights(network)).items()
        if weight.parameters[0] in parameters  # else it is tied
    }
    tensor_of = {parameter: name for name, weight in computed.items() for parameter in weight.parameters}
    tied_to_rule = {id(weight) for weight in rule.values() if isinstance(weight, nn.Parameter)}
    result: dict[str, Weight] = {}
    for parameter, tensor in parameters.items():
        name = tensor_of.get(parameter, parameter)
        if name in result:
            continue
        if name in computed:
            result[name] = _computed(name, computed[name], parameters, name in rule)
        else:
            result[name] = Weight(name=name, parameters=(name,), source=tensor, by_rule=id(tensor) in tied_to_rule)
    return list(result.values())


def _computed(name: str, weight: Computed, parameters: dict[str, nn.Parameter], by_rule: bool) -> Weight:
    if isinstance(weight, Unprunable):
        source, obstacle = weight.parameters[0], f"its layer computes it {weight.how}"
    else:
        source, obstacle = weight.source, None
    return Weight(
        name=name, parameters=weight.parameters, source=parameters[source], by_rule=by_rule, obstacle=obstacle
    )


def _by_rule(network: nn.Module) -> Iterator[tuple[str, nn.Parameter | Unprunable]]:
    """The weights that are pruned by default, by name; Unprunable for those that are not parameters."""
    for path, module in network.named_modules():
        prefix = f"{path}." if path else ""
        for name in _names(module):
            parameter = module._parameters.get(name)
            if parameter is not None:
                yield f"{prefix}{name}", parameter
            elif name not in module._parameters and (matrices := _matrices(module, prefix)):
                yield f"{prefix}{name}", Unprunable(parameters=matrices, how="in its own code")


def _declared(network: nn.Module) -> Sequence[str]:
    """The parameters that a network names itself."""
    declare = getattr(network, "prunable_parameters", None)
    return declare() if callable(declare) else ()


def _matrices(module: nn.Module, prefix: str) -> tuple[str, ...]:
    """The parameters in a module from which its weight may be computed: all but its bias."""
    return tuple(f"{prefix}{name}" for name, tensor in module.named_parameters() if tensor.ndim > 1)


def _names(module: nn.Module) -> tuple[str, ...]:
    """The weights of a module that are pruned by default, without those of its submodules."""
    if isinstance(module, _ConvNd | nn.Linear):
        return ("weight",)
    return _PROJECTIONS if isinstance(module, nn.MultiheadAttention) else ()  # its output projection is a submodule
