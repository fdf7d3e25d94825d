"""Networks built from their settings, and which of their weights may be pruned."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from workers.data.source import DataFacts
from workers.errors import BadInput, InputError
from workers.machine.generators import seed_generators
from workers.models import NETWORKS
from workers.models.arguments import arguments
from workers.models.batch_norm_groups import group_batch_norm
from workers.models.outputs import check_outputs
from workers.models.weights import Weight, weights
from workers.registry import call, is_own, load_function, lookup
from workers.seeds import seed
from workers.trial import Network, Recipe


def build(network: Network, facts: DataFacts, recipe: Recipe, replicate: int, stage: str) -> nn.Module:
    """The network of a trial before its first step, on the CPU, in training mode.

    The initial weights are a pure function of (replicate, stage); torch's default generator is not changed. The
    recipe's BatchNorm momentum and group, if it has them, are set in every BatchNorm. Raises InputError for an unknown
    name or impossible arguments, BadInput if the network does not take such data: see `workers.models.outputs`.
    """
    function = load_function(lookup(NETWORKS, network.name, "network"), network.name)  # may seed, but once a process
    if isinstance(function, nn.Module):
        raise BadInput(
            f"network `{network.name}` must be a function or a class that builds a network, not a network: "
            f"{type(function).__name__}",
            hint="name a function that builds a new one each time: `def build(input_shape, classes): return ...`",
        )
    initial = seed(replicate, stage, "init")
    modules_before = len(sys.modules)
    module = _initialized(network, facts, initial)
    if is_own(network.name) and len(sys.modules) > modules_before:  # so may what the function imports itself
        module = _initialized(network, facts, initial)
    if recipe.batch_norm_momentum is not None:
        for layer in module.modules():
            if isinstance(layer, _BatchNorm):
                layer.momentum = recipe.batch_norm_momentum
    if recipe.batch_norm_group is not None:
        group_batch_norm(module, recipe.batch_norm_group)
    return module


def seeds_itself(network: Network, facts: DataFacts) -> bool:
    """Whether a network's function sets the seed of torch's generator."""
    entry = lookup(NETWORKS, network.name, "network")
    given = arguments(network, facts)
    with torch.random.fork_rng(devices=[]):
        seed_generators(unlikely := seed("a seed that no code sets"))
        call(entry, "network", network.name, given)
        return torch.default_generator.initial_seed() != unlikely


def _initialized(network: Network, facts: DataFacts, initial: int) -> nn.Module:
    """A network whose weights are drawn from generators with the seed `initial`."""
    entry = lookup(NETWORKS, network.name, "network")
    given = arguments(network, facts)
    with torch.random.fork_rng(devices=[]):
        seed_generators(initial)
        module = call(entry, "network", network.name, given)
        if not isinstance(module, nn.Module):
            raise _not_a_module(network.name, module)
        if isinstance(module, torch.jit.ScriptModule):
            raise BadInput(
                f"network `{network.name}` is a TorchScript module, whose layers cannot be pruned",
                hint="return the module that it was compiled from",
            )
        module.train()
        check_outputs(network.name, module, facts)  # lazy layers draw their weights here
    return module


def _not_a_module(name: str, returned: object) -> BadInput:
    hint = "return only the network"
    if returned is None:
        hint = "end the function with `return network`"
    elif isinstance(returned, type):
        hint = f"return an instance: `{returned.__name__}(...)`"
    return BadInput(f"network `{name}` returned {type(returned).__name__}, not a torch.nn.Module", hint=hint)


def prunable(network: nn.Module, exclude: Sequence[str] = (), include: Sequence[str] = ()) -> dict[str, nn.Parameter]:
    """The weights that pruning may remove, by name, in the order in which the network registers them.

    These are the weights of convolutions (also transposed ones), linear layers and attention projections, tied ones
    once; never biases or BatchNorm. Patterns (fnmatch) of names change that: `include` adds parameters, `exclude`
    removes some. A weight that its layer computes has the shape and the mask of the parameter that is returned for it
    (see `workers.models.parametrized`).
    Raises InputError for a pattern that matches nothing, for a weight that cannot be pruned, and if none remains.
    """
    everything = weights(network)
    candidates = [weight for weight in everything if weight.by_rule or weight.matches(include)]
    _check_patterns("include", include, everything, "parameter")
    _check_patterns("exclude", exclude, candidates, "prunable weight")
    picked = [weight for weight in candidates if not weight.matches(exclude)]
    if not picked:
        reason = "`exclude` matches all of them" if candidates else "it has no convolution and no linear layer"
        raise InputError(f"the network has no prunable weights: {reason}", hint="`include` adds parameters to prune")
    for weight in picked:
        weight.check()
    return {weight.name: weight.source for weight in picked}


def prunable_by_default(network: nn.Module) -> dict[str, nn.Parameter]:
    """The weights of `prunable` without patterns, in a network that is not pruned: without those that cannot be."""
    return {weight.name: weight.source for weight in weights(network) if weight.by_rule and weight.obstacle is None}


def _check_patterns(field: str, patterns: Sequence[str], among: Sequence[Weight], what: str) -> None:
    """Raise InputError for a pattern that matches none of the weights."""
    for pattern in patterns:
        if not any(weight.matches([pattern]) for weight in among):
            names = ", ".join(weight.name for weight in among)
            raise InputError(f"`{field}` pattern `{pattern}` matches no {what}", hint=f"they are {names}")
