"""What a network costs for one image: multiply-adds, and FLOPs as the rewinding study counts them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from workers.models.modes import inference


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """The costs of a dense network for one image.

    `multiply_adds` is for the whole network, `per_layer` for each weight that is a factor, by name. `paper_flops` is
    the study's count, `paper_per_layer` the part of it that each weight is responsible for.
    """

    multiply_adds: float
    paper_flops: float
    per_layer: Mapping[str, float]
    paper_per_layer: Mapping[str, float]


def costs(network: nn.Module, input_shape: tuple[int, int, int]) -> Costs:
    """Count one forward pass of an image of `input_shape` (channels, height, width). Does not change the network.

    Multiply-adds are half of what torch's FLOP formulas give. The study's counter is not released; this rule is
    inferred from its data and reproduces them exactly. A convolution counts its multiply-adds, plus 2 for each output
    if it is 1×1 and 4 otherwise; a linear layer counts 2 for each multiply-add, plus 1 for each output.
    """
    device = next(network.parameters()).device
    fast_attention = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # a fused kernel that hides its operations
    try:
        with inference(network), _Counter(network) as counter:
            network(torch.zeros((1, *input_shape), device=device))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_attention)
    return Costs(
        multiply_adds=counter.multiply_adds,
        paper_flops=counter.paper_flops,
        per_layer=dict(counter.per_layer),
        paper_per_layer=dict(counter.paper_per_layer),
    )


class _Counter(TorchDispatchMode):
    """Adds up the costs of matrix products and convolutions, by the parameter that is a factor in them."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.multiply_adds = self.paper_flops = 0.0
        self.per_layer: dict[str, float] = defaultdict(float)
        self.paper_per_layer: dict[str, float] = defaultdict(float)
        self._parameters = {_memory(parameter): (name, parameter) for name, parameter in network.named_parameters()}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        formula = flop_registry.get(func._overloadpacket)
        if formula is None:
            with self:
                decomposed = func.decompose(*args, **kwargs)
            return func(*args, **kwargs) if decomposed is NotImplemented else decomposed
        result = func(*args, **kwargs)
        multiply_adds = formula(*args, **kwargs, out_val=result) / 2
        self.multiply_adds += multiply_adds
        for factor in args:
            # a factor may be a view of a parameter; biases have one dimension
            if isinstance(factor, Tensor) and factor.ndim > 1 and _memory(factor) in self._parameters:
                self._add(*self._parameters[_memory(factor)], multiply_adds, result.numel())
        return result

    def _add(self, name: str, parameter: Tensor, multiply_adds: float, outputs: int) -> None:
        weight_flops, other_flops = _paper_flops(parameter, multiply_adds, outputs)
        self.per_layer[name] += multiply_adds
        self.paper_per_layer[name] += weight_flops
        self.paper_flops += weight_flops + other_flops


def sparse(dense: Costs, densities: Mapping[str, float]) -> tuple[float, float]:
    """Multiply-adds and paper FLOPs if pruned weights cost nothing (theoretical: no hardware skips them all).

    `densities` are fractions of 1 by weight name; weights without one, and whatever is not a weight, count in full.
    """
    spared = math.fsum((1 - density) * dense.per_layer.get(name, 0) for name, density in densities.items())
    paper_spared = math.fsum((1 - density) * dense.paper_per_layer.get(name, 0) for name, density in densities.items())
    return dense.multiply_adds - spared, dense.paper_flops - paper_spared


def _paper_flops(weight: Tensor, multiply_adds: float, outputs: int) -> tuple[float, float]:
    """What a layer's weights cost, and what its outputs cost in addition."""
    if weight.ndim == 2:
        return 2 * multiply_adds, outputs
    pointwise = all(size == 1 for size in weight.shape[2:])
    return multiply_adds, (2 if pointwise else 4) * outputs


def _memory(tensor: Tensor) -> int:
    """The same for a tensor and its views."""
    return tensor.untyped_storage().data_ptr()
