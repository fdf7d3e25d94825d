"""Weights that a layer computes from other parameters, and how they are pruned.

A layer under weight or spectral normalization keeps no weight, but computes it before each use: the *effective* weight.
It is zero exactly where the parameter that it is computed from, its *source*, is zero. So masks are made from effective
weights, and applied to their sources. Both forms of torch are meant: `torch.nn.utils.parametrizations`, and the older
hooks `torch.nn.utils.weight_norm` and `spectral_norm`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils.spectral_norm import SpectralNorm as SpectralHook
from torch.nn.utils.weight_norm import WeightNorm as WeightHook

_ALL = -1
_POWER_ITERATIONS = 15  # as many as torch takes for the first estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightNormalized:
    """weight = scale · source / ‖source‖, with a norm for each index of dimension `dim` (-1: one norm of all).

    Parameters by name. Salimans, Kingma 2016, *Weight normalization*, equation 2.
    """

    source: str
    scale: str
    dim: int

    @property
    def parameters(self) -> tuple[str, ...]:
        return self.source, self.scale

    def effective(self, state: Mapping[str, Tensor]) -> Tensor:
        """The weight in a `state_dict()`."""
        return torch._weight_norm(state[self.source], state[self.scale], self.dim)

    def living(self, mask: Tensor) -> Tensor:
        """Which norms are over at least one weight that a mask keeps, in the shape of the scale."""
        if self.dim == _ALL:
            return mask.any()
        others = [index for index in range(mask.ndim) if index != self.dim % mask.ndim]
        return mask.any(dim=others, keepdim=True) if others else mask

    @torch.no_grad()
    def rescale(self, parameters: Mapping[str, Tensor], mask: Tensor) -> None:
        """Change the scale as the mask changes the norm, so that the weights that it keeps stay as they are."""
        source, scale = parameters[self.source], parameters[self.scale]
        scale.mul_((self._norm(source * mask) / self._norm(source)).view_as(scale))

    def _norm(self, source: Tensor) -> Tensor:
        return torch.norm_except_dim(source, 2, self.dim)


@dataclass(frozen=True, kw_only=True, slots=True)
class SpectrallyNormalized:
    """weight = source / σ, with σ = uᵀ · source · v for the source as a matrix of which dimension `dim` has the rows.

    Tensors by name; u and v are estimates of the first singular vectors. Miyato et al. 2018, *Spectral normalization*,
    section 2.1.
    """

    source: str
    left: str
    right: str
    dim: int
    epsilon: float

    @property
    def parameters(self) -> tuple[str, ...]:
        return (self.source,)

    def effective(self, state: Mapping[str, Tensor]) -> Tensor:
        """The weight in a `state_dict()`, as in evaluation: without a new estimate."""
        sigma = torch.dot(state[self.left], torch.mv(self._matrix(state[self.source]), state[self.right]))
        return state[self.source] / sigma

    @torch.no_grad()
    def estimate(self, state: Mapping[str, Tensor]) -> None:
        """Estimate the singular vectors again, after the source has changed at once."""
        matrix, left, right = self._matrix(state[self.source]), state[self.left], state[self.right]
        for _ in range(_POWER_ITERATIONS):
            left.copy_(nn.functional.normalize(torch.mv(matrix, right), dim=0, eps=self.epsilon))
            right.copy_(nn.functional.normalize(torch.mv(matrix.T, left), dim=0, eps=self.epsilon))

    def _matrix(self, source: Tensor) -> Tensor:
        return source.movedim(self.dim, 0).flatten(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Unprunable:
    """A weight that cannot be pruned by masking what it is computed from, and how it is computed."""

    parameters: tuple[str, ...]
    how: str


Computed = WeightNormalized | SpectrallyNormalized | Unprunable


def computed_weights(network: nn.Module) -> dict[str, Computed]:
    """The tensors of a network that its layers compute, by name (`conv.weight`)."""
    return {
        name: weight
        for prefix, module in network.named_modules()
        for name, weight in _of_module(module, f"{prefix}." if prefix else "")
    }


def _of_module(module: nn.Module, prefix: str) -> Iterator[tuple[str, Computed]]:
    if parametrize.is_parametrized(module):
        for name, chain in cast(nn.ModuleDict, module.parametrizations).items():
            yield f"{prefix}{name}", _of_chain(chain, f"{prefix}parametrizations.{name}.")
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightHook):
            name = f"{prefix}{hook.name}"
            yield name, WeightNormalized(source=f"{name}_v", scale=f"{name}_g", dim=hook.dim)
        elif isinstance(hook, SpectralHook):
            name = f"{prefix}{hook.name}"
            vectors = {"left": f"{name}_u", "right": f"{name}_v"}
            yield name, SpectrallyNormalized(source=f"{name}_orig", **vectors, dim=hook.dim, epsilon=hook.eps)


def _of_chain(chain: nn.Module, prefix: str) -> Computed:
    """What a list of parametrizations computes; `prefix` is that of its parameters."""
    steps = list(chain.children())
    if len(steps) == 1 and isinstance(steps[0], parametrizations._WeightNorm):
        return WeightNormalized(source=f"{prefix}original1", scale=f"{prefix}original0", dim=steps[0].dim)
    if len(steps) == 1 and isinstance(steps[0], parametrizations._SpectralNorm):
        vectors = {"left": f"{prefix}0._u", "right": f"{prefix}0._v"}
        return SpectrallyNormalized(source=f"{prefix}original", **vectors, dim=steps[0].dim, epsilon=steps[0].eps)
    own = tuple(f"{prefix}{name}" for name, _ in chain.named_parameters())
    kinds = [type(step).__name__.lstrip("_") for step in steps]
    return Unprunable(parameters=own, how=f"with the parametrization {' and '.join(kinds)}")
