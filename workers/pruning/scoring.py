"""Calling score functions, registered ones and the user's own: what they get, and what they must return.

A score function names what it needs as its parameters, all of one layer (see `GIVEN`), and returns a tensor of the
shape of the layer's weights, at least 0: the largest are kept. Its other parameters are arguments of the sweep file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from workers.errors import BadInput, InputError, PrunesweepError
from workers.pruning import SCORES
from workers.pruning.evidence import Evidence
from workers.registry import check_not_a_class, described, is_own, load_function, lookup
from workers.trial import Pruning

Tensors = Mapping[str, Tensor]

GIVEN = {
    "weight": "the weights of the layer",
    "alive": "which of them are not pruned yet, boolean",
    "name": "the name of the parameter",
    "generator": "a seeded torch.Generator on the CPU",
    "gradient": "the gradient of the loss, the mean over the batches, float32",
    "gradients": "a list of the gradients of each batch",
    "inputs": "a list of what the layer is called with, a tensor for each call",
}
"""What a score function may have as parameters."""

_MEASURED = ("gradient", "gradients", "inputs")


_RULE = "return one finite number of at least 0 for each weight of the layer, as `weight.abs()` does"


class Scoring:
    """The score of a pruning. Raises InputError for a function that cannot be imported or called."""

    def __init__(self, pruning: Pruning) -> None:
        self.name = pruning.score
        self.is_own = is_own(self.name)
        self._function = load_function(lookup(SCORES, self.name, "score"), self.name)
        check_not_a_class(self._function, "score", self.name)
        self._given = _parameters(self._function, self.name)
        arguments = dict(pruning.score_arguments)
        self._batches = arguments.pop("batches", None)
        self._arguments = arguments
        self._check_arguments()

    @property
    def needs_evidence(self) -> bool:
        """Whether the function asks for gradients or inputs."""
        return any(key in _MEASURED for key in self._given)

    @property
    def batches(self) -> int:
        """How many training batches gradients and inputs come from."""
        return int(self._batches or 1)

    def of(self, weights: Tensors, alive: Tensors, generator: torch.Generator, evidence: Evidence | None) -> Tensors:
        """The scores of all layers, of their shapes and at least 0.

        Raises BadInput, which names function and layer, for anything that the user's function raises or returns
        against the rules.
        """
        measured = _Gradients(evidence, self.batches)
        return {name: self._of_layer(name, weights[name], alive[name], generator, measured) for name in weights}

    def _of_layer(
        self, name: str, weight: Tensor, alive: Tensor, generator: torch.Generator, measured: _Gradients
    ) -> Tensor:
        offered: dict[str, Callable[[], Any]] = {
            "weight": weight.clone,
            "alive": alive.clone,
            "name": lambda: name,
            "generator": lambda: generator,
            "gradient": lambda: measured.mean[name].clone(),
            "gradients": lambda: [gradients[name].clone() for gradients in measured.all],
            "inputs": lambda: measured.inputs(name),
        }
        given = {key: offered[key]() for key in self._given}
        try:
            scores = self._function(**given, **self._arguments)
        except PrunesweepError:
            raise
        except (Exception, SystemExit) as error:
            if not self.is_own:
                raise
            raise BadInput(
                f"score `{self.name}` failed on layer `{name}`: {described(error)}",
                hint="the function must work for every layer that is pruned: call it in Python to try it",
            ) from error
        return self._checked(scores, name, weight) if self.is_own else scores

    def _checked(self, scores: object, layer: str, weight: Tensor) -> Tensor:
        """The scores of a layer as floating-point numbers on the CPU."""
        subject = f"score `{self.name}` must return"
        if not isinstance(scores, Tensor):
            raise BadInput(f"{subject} a tensor for layer `{layer}`, not {type(scores).__name__}", hint=_RULE)
        if scores.shape != weight.shape:
            shapes = f"{tuple(weight.shape)} for layer `{layer}`, not {tuple(scores.shape)}"
            raise BadInput(f"{subject} a tensor of shape {shapes}", hint=_RULE)
        if scores.is_complex():
            raise BadInput(f"{subject} real numbers for layer `{layer}`, not {scores.dtype}", hint=_RULE)
        precise = scores.dtype in (torch.float32, torch.float64)
        lossless = torch.float32 if scores.is_floating_point() else torch.float64
        scores = scores.detach().to("cpu", scores.dtype if precise else lossless, copy=True)
        if not bool(torch.isfinite(scores).all()):
            value = scores[~torch.isfinite(scores)][0].item()
            raise BadInput(f"{subject} finite numbers for layer `{layer}`, not {value}", hint=_RULE)
        if bool((scores < 0).any()):
            hint = "the largest scores are kept; map yours to numbers above 0 in the same order, as torch.sigmoid does"
            raise BadInput(
                f"{subject} numbers of at least 0 for layer `{layer}`, not {scores.min().item():.6g}", hint=hint
            )
        return scores

    def _check_arguments(self) -> None:
        if self._batches is not None:
            if not self.needs_evidence:
                raise InputError(
                    f"`batches` has no effect on score `{self.name}`, which asks for no gradients and no inputs",
                    hint="remove it, or add a parameter `gradient`, `gradients` or `inputs` to the function",
                )
            if isinstance(self._batches, bool) or not isinstance(self._batches, int) or self._batches < 1:
                raise InputError(
                    f"`batches` of a score must be a whole number, at least 1: {self._batches}",
                    hint="write `batches: 1`",
                )
        try:
            inspect.signature(self._function).bind(**dict.fromkeys(self._given), **self._arguments)
        except TypeError as error:
            hint = f"a score may ask for {', '.join(GIVEN)}; other parameters are arguments in the sweep file"
            raise InputError(f"score `{self.name}`: {error}", hint=hint) from error


class _Gradients:
    """Gradients, computed once for all layers and only if the score asks for them."""

    def __init__(self, evidence: Evidence | None, batches: int) -> None:
        self._evidence = evidence
        self._batches = batches

    @property
    def evidence(self) -> Evidence:
        assert self._evidence is not None
        return self._evidence

    @cached_property
    def all(self) -> list[dict[str, Tensor]]:
        return list(self.evidence.gradients(self._batches))

    @cached_property
    def mean(self) -> dict[str, Tensor]:
        """The mean over the batches, added up in their order."""
        batches = self.evidence.gradients(self._batches)
        total = next(batches)
        for gradients in batches:
            for name, gradient in gradients.items():
                total[name] += gradient
        return {name: gradient / self._batches for name, gradient in total.items()}

    def inputs(self, weight: str) -> list[Tensor]:
        return self.evidence.inputs(weight, self._batches)


def _parameters(function: Callable[..., Any], name: str) -> list[str]:
    """Those of `GIVEN` that a function names as its parameters. Raises InputError if it cannot tell them."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        hint = f"write a function in Python around it, with parameters among {', '.join(GIVEN)}"
        raise InputError(f"score `{name}` does not say what its parameters are", hint=hint) from error
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [parameter.name for parameter in parameters if parameter.name in GIVEN and parameter.kind in named]
