"""The optimizers of torch.optim that work on dense gradients, and `TFAdam`, as a recipe sets them up."""

from __future__ import annotations

import contextlib
import difflib
import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from workers.errors import InputError
from workers.registry import misspelled
from workers.training.optimizing.tensorflow_adam import TFAdam
from workers.trial import Recipe

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    name: value
    for name, value in sorted(vars(torch.optim).items())
    if isinstance(value, type) and issubclass(value, torch.optim.Optimizer) and value is not torch.optim.Optimizer
} | {"TFAdam": TFAdam}


def make_optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimizer over all parameters of a network, at learning rate 0: the schedule sets it at every step.

    Parameters keep the network's order, in one group; without `decay_batch_norm`, the weights and biases of BatchNorm
    are in a second group that does not decay (biases of other layers do, as in the paper's ImageNet recipe). Raises
    InputError for an unknown optimizer or argument, a refused value, and optimizers that need a closure or sparse
    gradients or ignore the rates that they are given.
    """
    optimizer = _optimizer_class(recipe.optimizer)
    _check_arguments(recipe, optimizer)
    if recipe.decay_batch_norm:
        groups: list[dict[str, Any]] = [{"params": list(network.parameters())}]
    else:
        groups = _spare_batch_norm(network)
    with contextlib.suppress(Exception):  # fused kernels take fewer arguments and types of parameters than others
        fused = _quickest(optimizer, network) | recipe.optimizer_arguments
        return optimizer([dict(group) for group in groups], lr=0.0, **fused)  # type: ignore[call-arg]
    try:
        return optimizer(groups, lr=0.0, **recipe.optimizer_arguments)  # type: ignore[call-arg]
    except Exception as error:  # torch indexes and compares what it is given, such as `betas`
        arguments = ", ".join(f"{key}: {value!r}" for key, value in recipe.optimizer_arguments.items())
        raise InputError(
            f"optimizer `{recipe.optimizer}` cannot be used with {arguments or 'no arguments'}: {error}",
            hint="see the documentation of `torch.optim` for what each argument can be",
        ) from error


def _quickest(optimizer: type[torch.optim.Optimizer], network: nn.Module) -> dict[str, Any]:
    """One kernel for all parameters, where torch has one: it takes a third of the time in steps of small networks."""
    floating = all(parameter.is_floating_point() for parameter in network.parameters())  # not complex
    return {"fused": True} if floating and "fused" in inspect.signature(optimizer).parameters else {}


def take_step(optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]) -> None:
    """One step of an optimizer, for the parameters that have gradients.

    The fused kernel of SGD takes parameters with momentum only apart from those whose first step it is, which occur
    together where a layer is sometimes skipped; other kernels mix them. Each gets the same bits apart.
    """
    late = _first_steps(optimizer, parameters)
    if not late:
        optimizer.step()
        return
    gradients = [parameter.grad for parameter in parameters]
    for chosen in (False, True):
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient if (id(parameter) in late) == chosen else None
        optimizer.step()
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient


def _first_steps(optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor]) -> set[int]:
    """The parameters (their ids) with a gradient that have no momentum yet, if others have."""
    options = optimizer.defaults
    if not (isinstance(optimizer, torch.optim.SGD) and options.get("fused") and options["momentum"]):
        return set()
    stepping = [parameter for parameter in parameters if parameter.grad is not None]
    late = {id(p) for p in stepping if optimizer.state.get(p, {}).get("momentum_buffer") is None}
    return late if len(late) < len(stepping) else set()


def _spare_batch_norm(network: nn.Module) -> list[dict[str, Any]]:
    norms = {id(p) for module in network.modules() if isinstance(module, _BatchNorm) for p in module.parameters()}
    decayed: dict[str, Any] = {"params": [p for p in network.parameters() if id(p) not in norms]}
    spared: dict[str, Any] = {"params": [p for p in network.parameters() if id(p) in norms], "weight_decay": 0.0}
    return [group for group in (decayed, spared) if group["params"]]


def _optimizer_class(name: str) -> type[torch.optim.Optimizer]:
    if name not in OPTIMIZERS:
        near = misspelled(name, OPTIMIZERS)
        meant = f"did you mean `{near}`? " if near else ""
        raise InputError(f"unknown optimizer: `{name}`", hint=f"{meant}use one of {', '.join(OPTIMIZERS)}")
    optimizer = OPTIMIZERS[name]
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise InputError(
            f"optimizer `{name}` cannot be used: it evaluates the loss several times a step",
            hint="choose another one, such as `SGD` or `AdamW`",
        )
    if optimizer is torch.optim.Rprop:
        raise InputError(
            f"optimizer `{name}` cannot be used: it ignores the learning rates of the schedule after its first step, "
            "so techniques that differ only in them give the same network",
            hint="choose another one, such as `SGD` or `AdamW`",
        )
    if optimizer is torch.optim.SparseAdam:
        raise InputError(f"optimizer `{name}` cannot be used: it needs sparse gradients", hint="choose `Adam`")
    return optimizer


def _check_arguments(recipe: Recipe, optimizer: type[torch.optim.Optimizer]) -> None:
    arguments = [name for name in inspect.signature(optimizer).parameters if name not in ("params", "lr")]
    for name in recipe.optimizer_arguments:
        if name == "lr":
            raise InputError(f"`lr` cannot be given to optimizer `{recipe.optimizer}`: the schedule sets it")
        if name not in arguments:
            near = difflib.get_close_matches(name, arguments, n=1)
            meant = f"did you mean `{near[0]}`? " if near else ""
            raise InputError(
                f"optimizer `{recipe.optimizer}` has no argument `{name}`",
                hint=f"{meant}its arguments are {', '.join(arguments)}",
            )
