"""Any optimiser of torch.optim that steps on dense gradients, as a recipe asks for it."""

from __future__ import annotations

import difflib
import inspect
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from workers.errors import InputError
from workers.registry import misspelt
from workers.trial import Recipe

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    name: value
    for name, value in sorted(vars(torch.optim).items())
    if isinstance(value, type) and issubclass(value, torch.optim.Optimizer) and value is not torch.optim.Optimizer
}


def make_optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimiser over all parameters of a network, at learning rate 0: the schedule sets it every step.

    Parameters keep the network's order, in one group; without `decay_batch_norm`, the weights and biases of
    BatchNorm are in a second one that does not decay (biases of other layers do, as in the paper's ImageNet recipe).
    Raises InputError for an unknown optimiser or argument, a value that it refuses, and optimisers that need a
    closure or sparse gradients.
    """
    optimizer = _optimizer_class(recipe.optimizer)
    _check_arguments(recipe, optimizer)
    decays = "weight_decay" in inspect.signature(optimizer).parameters
    if recipe.decay_batch_norm or not decays:
        groups: list[dict[str, Any]] = [{"params": list(network.parameters())}]
    else:
        groups = _spare_batch_norm(network)
    try:
        return optimizer(groups, lr=0.0, **(_quickest(optimizer) | recipe.optimizer_arguments))  # type: ignore[call-arg]
    except (TypeError, ValueError, RuntimeError) as error:
        given = ", ".join(f"{key}: {value!r}" for key, value in recipe.optimizer_arguments.items())
        raise InputError(
            f"optimizer `{recipe.optimizer}` cannot be used with {given or 'no arguments'}: {error}",
            hint="`torch.optim` says what each argument can be",
        ) from error


def _quickest(optimizer: type[torch.optim.Optimizer]) -> dict[str, Any]:
    """One kernel for all parameters, where torch has it: a third of the time of small networks' steps."""
    return {"fused": True} if "fused" in inspect.signature(optimizer).parameters else {}


def _spare_batch_norm(network: nn.Module) -> list[dict[str, Any]]:
    norms = {id(p) for module in network.modules() if isinstance(module, _BatchNorm) for p in module.parameters()}
    decayed: dict[str, Any] = {"params": [p for p in network.parameters() if id(p) not in norms]}
    spared: dict[str, Any] = {"params": [p for p in network.parameters() if id(p) in norms], "weight_decay": 0.0}
    return [group for group in (decayed, spared) if group["params"]]


def _optimizer_class(name: str) -> type[torch.optim.Optimizer]:
    if name not in OPTIMIZERS:
        near = misspelt(name, OPTIMIZERS)
        meant = f"did you mean `{near}`? " if near else ""
        raise InputError(f"unknown optimizer `{name}`", hint=f"{meant}torch.optim has {', '.join(OPTIMIZERS)}")
    optimizer = OPTIMIZERS[name]
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise InputError(
            f"optimizer `{name}` evaluates the loss several times a step, and trials evaluate it once",
            hint="take another one, such as `SGD` or `AdamW`",
        )
    if optimizer is torch.optim.SparseAdam:
        raise InputError(
            f"optimizer `{name}` needs sparse gradients, and these networks have dense ones", hint="take `Adam`"
        )
    return optimizer


def _check_arguments(recipe: Recipe, optimizer: type[torch.optim.Optimizer]) -> None:
    known = [name for name in inspect.signature(optimizer).parameters if name not in ("params", "lr")]
    for name in recipe.optimizer_arguments:
        if name == "lr":
            raise InputError(f"`lr` is no argument of optimizer `{recipe.optimizer}` here: the schedule sets it")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean `{near[0]}`? " if near else ""
            raise InputError(
                f"optimizer `{recipe.optimizer}` has no argument `{name}`", hint=f"{meant}It has {', '.join(known)}"
            )
