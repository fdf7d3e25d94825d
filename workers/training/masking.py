"""Masks at work: what they remove from a network is exactly zero after every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from workers.errors import BadInput
from workers.models.parametrized import SpectrallyNormalized, WeightNormalized, computed_weights


class Masking:
    """The masks of a network's weights, by name, on its device; `weights` are those of `workers.models.build.prunable`.

    Where a layer computes its weight, the mask applies to what it is computed from. A norm of weight_norm over removed
    weights alone would be 0 / 0: there the scale is zero, and all entries of the source are one.
    """

    def __init__(self, network: nn.Module, weights: Mapping[str, nn.Parameter], masks: Mapping[str, Tensor]) -> None:
        self.masks = {name: mask.to(weights[name].device) for name, mask in masks.items()}
        self._parameters = dict(network.named_parameters())
        self._tensors = self._parameters | dict(network.named_buffers())
        computed = {name: weight for name, weight in computed_weights(network).items() if name in masks}
        self._weight_norms = {name: norm for name, norm in computed.items() if isinstance(norm, WeightNormalized)}
        self._spectral_norms = {name: norm for name, norm in computed.items() if isinstance(norm, SpectrallyNormalized)}
        self._masked: list[nn.Parameter] = []
        self._factors: list[Tensor] = []
        for name, mask in self.masks.items():
            self._add(weights[name], mask)
        self._without_norm: list[tuple[nn.Parameter, Tensor]] = []
        for name, norm in self._weight_norms.items():
            living = norm.living(self.masks[name])
            self._add(self._parameters[norm.scale], living)
            if not bool(living.all()):
                dead = (~living).expand_as(self.masks[name])
                self._without_norm.append((weights[name], like(dead.to(weights[name].dtype), weights[name])))

    def begin(self) -> None:
        """Remove weights for the first time: the others stay as they are, except for a spectral norm, which is new.

        Raises BadInput if nothing is left of a weight under a spectral norm, which would be 0 / 0.
        """
        for name, norm in self._weight_norms.items():
            norm.rescale(self._parameters, self.masks[name])
        self.apply()
        for name, spectral in self._spectral_norms.items():
            if not bool(self.masks[name].any()):
                raise BadInput(
                    f"pruning leaves nothing of `{name}`, which spectral_norm divides by its norm",
                    hint=f"leave it dense with `exclude: [{name}]`, or keep a share of each layer with "
                    "`distribution: uniform`",
                )
            spectral.estimate(self._tensors)

    def mask_gradients(self) -> None:
        masked = zip(self._masked, self._factors, strict=True)
        used = [(weight.grad, factor) for weight, factor in masked if weight.grad is not None]
        if used:
            torch._foreach_mul_([gradient for gradient, _ in used], [factor for _, factor in used])

    @torch.no_grad()
    def apply(self) -> None:
        if self._masked:
            torch._foreach_mul_(self._masked, self._factors)  # type: ignore[arg-type]
        for source, dead in self._without_norm:
            source.add_(dead)

    def _add(self, parameter: nn.Parameter, mask: Tensor) -> None:
        self._masked.append(parameter)
        self._factors.append(like(mask.to(parameter.dtype), parameter))


def effective_weights(
    network: nn.Module, names: Mapping[str, nn.Parameter], state: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The weights of those names in a `state_dict()` of a network, also where its layers compute them."""
    norms = {
        name: norm
        for name, norm in computed_weights(network).items()
        if isinstance(norm, WeightNormalized | SpectrallyNormalized)
    }
    return {name: norms[name].effective(state) if name in norms else state[name] for name in names}


def like(value: Any, parameter: Tensor) -> Any:
    """A copy; a tensor of the parameter's shape gets its device and memory layout."""
    if isinstance(value, Tensor) and value.shape == parameter.shape:
        return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)
    return value.clone() if isinstance(value, Tensor) else value
