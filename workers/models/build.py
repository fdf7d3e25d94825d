"""Networks, built from their settings, and which of their weights may be pruned."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from workers.data.source import ImageFacts
from workers.errors import BadInput, InputError
from workers.models import NETWORKS
from workers.models.modes import inference
from workers.registry import call, lookup
from workers.seeds import seed
from workers.trial import Network, Recipe


def build(network: Network, facts: ImageFacts, recipe: Recipe, replicate: int, stage: str) -> nn.Module:
    """The network of a trial as it is before its first step, on the CPU, in training mode.

    The initial weights are a pure function of (replicate, stage); torch's own generator is left as it was. The
    recipe's BatchNorm momentum, if it has one, is given to every BatchNorm. Raises InputError for an unknown name or
    impossible arguments, BadInput if the network does not map such images to logits (N, classes).
    """
    entry = lookup(NETWORKS, network.name, "network")
    arguments = {**network.arguments, "input_shape": facts.input_shape, "classes": facts.classes}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed(replicate, stage, "init"))
        module = call(entry, "network", network.name, arguments)
        if not isinstance(module, nn.Module):
            raise BadInput(f"network `{network.name}` returned {type(module).__name__}, not a torch.nn.Module")
        module.train()
        _check_outputs(network.name, module, facts)  # lazy layers draw their weights here
    if recipe.batch_norm_momentum is not None:
        for layer in module.modules():
            if isinstance(layer, _BatchNorm):
                layer.momentum = recipe.batch_norm_momentum
    return module


def prunable(network: nn.Module, exclude: Sequence[str] = (), include: Sequence[str] = ()) -> dict[str, nn.Parameter]:
    """The weights that pruning may remove, by parameter name, in the order in which the network registers them.

    These are the weights of convolutions (transposed ones too), linear layers and attention projections, tied ones
    once; never biases or BatchNorm. Patterns (fnmatch) of parameter names change that: `include` adds parameters,
    `exclude` leaves some out. Raises InputError for a pattern that matches nothing, and if nothing is left.
    """
    parameters = dict(network.named_parameters())  # tied ones once
    by_rule = {id(weight) for module in network.modules() for weight in _weights(module)}
    candidates = {
        name: parameter for name, parameter in parameters.items() if id(parameter) in by_rule or _matches(name, include)
    }
    for field, patterns, names in (("include", include, parameters), ("exclude", exclude, candidates)):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                what = "parameter" if field == "include" else "prunable weight"
                raise InputError(
                    f"`{field}` pattern `{pattern}` matches no {what}", hint=f"they are {', '.join(names)}"
                )
    kept = {name: weight for name, weight in candidates.items() if not _matches(name, exclude)}
    if not kept:
        why = "`exclude` leaves out every one" if candidates else "it has no convolution and no linear layer"
        raise InputError(f"the network has no prunable weights: {why}", hint="`include` names parameters to prune")
    return kept


def _weights(module: nn.Module) -> list[nn.Parameter]:
    """The weights of a layer that are pruned by default, those of its own submodules excluded."""
    if isinstance(module, _ConvNd | nn.Linear):
        return [cast(nn.Parameter, module.weight)]
    if isinstance(module, nn.MultiheadAttention):  # its output projection is a linear layer
        projections = (module.in_proj_weight, module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
        return [weight for weight in projections if weight is not None]
    return []


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _check_outputs(name: str, network: nn.Module, facts: ImageFacts) -> None:
    """In both modes, because some networks return more than logits while they train."""
    with inference(network):
        _check_logits(name, network, facts, "in evaluation mode")
    copied = copy.deepcopy(network)  # training changes buffers
    with torch.no_grad():
        _check_logits(name, copied, facts, "in training mode")


def _check_logits(name: str, network: nn.Module, facts: ImageFacts, mode: str) -> None:
    shape = (2, *facts.input_shape)
    wanted = (2, facts.classes)
    try:
        outputs = network(torch.zeros(shape))
    except Exception as error:  # a network of the user's own may raise anything
        raise BadInput(f"network `{name}` cannot take a batch of shape {shape} {mode}: {error}") from error
    if not isinstance(outputs, Tensor):
        raise BadInput(
            f"network `{name}` maps a batch of shape {shape} to {type(outputs).__name__} {mode}, not to one tensor of "
            "logits",
            hint="it must return nothing beside them; some classifiers of torchvision take "
            "`aux_logits: false` for that",
        )
    if not outputs.is_floating_point() or outputs.shape != wanted:
        raise BadInput(
            f"network `{name}` maps a batch of shape {shape} to {outputs.dtype} of shape {tuple(outputs.shape)} "
            f"{mode}, not to float logits of shape {wanted}"
        )
