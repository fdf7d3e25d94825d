"""What a network costs for one example: multiply-adds, and FLOPs as the rewinding study counts them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from workers.data.batches.structure import Values, call, tensors, to_device
from workers.models.modes import inference
from workers.models.weights import weights


def _matrix_vector(matrix: Tensor, vector: Tensor, *, out_val: Tensor) -> int:
    return 2 * matrix.numel()


def _bilinear(first: Tensor, weight: Tensor, *_: Any, out_val: Tensor) -> int:
    """Of `nn.Bilinear`: each weight once for each output of each row."""
    return 2 * weight.numel() * out_val.numel() // weight.shape[0]


_FORMULAS = flop_registry | {
    torch.ops.aten.mv: _matrix_vector,
    torch.ops.aten._trilinear: _bilinear,
}
"""Floating-point operations of products, twice their multiply-adds: torch's own, and those that it lacks."""


_OF_TORCH = ("aten", "prim", "prims")
_WITH_PRODUCTS = ("_rnn", "fft", "cdist", "linalg_", "cholesky", "solve", "_transformer_encoder", "_native_multi_head")
"""Parts of the names of torch's operations that multiply matrices without a formula."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """The costs of a dense network for one example.

    `multiply_adds` is for the whole network, `per_layer` for each weight that is a factor, by name; products of two
    activations, as in attention, are in no layer. `paper_flops` is the study's count, `paper_per_layer` the part of it
    that each weight is responsible for. `uncounted` names operations that hide their products: then both totals are
    None, and so are the costs of the weights that take part in them.
    """

    multiply_adds: float | None
    paper_flops: float | None
    per_layer: Mapping[str, float | None]
    paper_per_layer: Mapping[str, float]
    uncounted: tuple[str, ...] = ()

    def of_layer(self, name: str) -> float | None:
        """Multiply-adds of a weight; None if they cannot be counted."""
        return self.per_layer.get(name, 0.0)


def costs(network: nn.Module, inputs: Values) -> Costs:
    """Count one forward pass of the inputs of one example. Does not change the network.

    Multiply-adds are half of what torch's FLOP formulas give. A product counts for the weight that is a factor in it,
    also where a layer computes that weight from its parameters, which itself costs nothing for an example.
    The study's counter is not released; this rule is inferred from its data, and reproduces those of ResNet-20, -56
    and -110 exactly. A convolution counts its multiply-adds, plus 2 for each output if it is 1×1 and 4 otherwise; a
    linear layer counts 2 for each multiply-add, plus 1 for each output.
    """
    device = next(network.parameters()).device
    inputs = to_device(inputs, device)
    counter = _Counter(network, inputs)
    try:
        with _in_the_open(), inference(network), counter:
            call(network, inputs)
    except Exception as error:  # what works in training may not let itself be watched
        return _unknown(network, f"the whole network ({type(error).__name__} while it was counted)")
    return Costs(
        multiply_adds=None if counter.uncounted else counter.multiply_adds,
        paper_flops=None if counter.uncounted else counter.paper_flops,
        per_layer=counter.per_layer | dict.fromkeys(counter.hidden),
        paper_per_layer=dict(counter.paper_per_layer),
        uncounted=tuple(counter.uncounted),
    )


def _unknown(network: nn.Module, what: str) -> Costs:
    return Costs(
        multiply_adds=None,
        paper_flops=None,
        per_layer=dict.fromkeys(weight.name for weight in weights(network)),
        paper_per_layer={},
        uncounted=(what,),
    )


@contextmanager
def _in_the_open() -> Iterator[None]:
    """Without the fused kernels of attention and recurrent layers, which hide their products."""
    fast_attention = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    before = [(library, library.set_flags(False)[0]) for library in (torch.backends.mkldnn, torch.backends.cudnn)]
    try:
        yield
    finally:
        for library, enabled in before:
            library.set_flags(enabled)
        torch.backends.mha.set_fastpath_enabled(fast_attention)


class _Counter(TorchDispatchMode):
    """Adds up the costs of matrix products and convolutions, by the weight that is a factor in them.

    Follows where tensors come from, by memory: `_sources` has the weights that others are computed from, `_constants`
    come from buffers alone, and `_created` from nothing, like the first state of a recurrent layer. Others depend on
    the example (`_varying`), also those that torch does not see being made, such as arrays of NumPy. `uncounted` has
    the names of operations that hide their products, in order, and `hidden` the weights that take part in them.
    """

    def __init__(self, network: nn.Module, inputs: Values) -> None:
        super().__init__()
        self.multiply_adds = self.paper_flops = 0.0
        self.per_layer: dict[str, float] = defaultdict(float)
        self.paper_per_layer: dict[str, float] = defaultdict(float)
        self._weights = {weight.name: weight.source for weight in weights(network)}
        name_of = {name: weight.name for weight in weights(network) for name in weight.parameters}
        self._sources: dict[int, frozenset[str]] = {
            _memory(parameter): frozenset([name_of[name]]) for name, parameter in network.named_parameters()
        }
        self._parameters = frozenset(self._sources)
        self._varying = {_memory(tensor) for tensor in tensors(inputs)}
        self._constants = {_memory(buffer) for buffer in network.buffers()}
        self._created: set[int] = set()
        self.uncounted: dict[str, None] = {}
        self.hidden: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        formula = _FORMULAS.get(func._overloadpacket)
        if formula is None:
            with self:
                decomposed = func.decompose(*args, **kwargs)
            if decomposed is not NotImplemented:
                return decomposed
        result = func(*args, **kwargs)
        operands = [operand for operand in tree_leaves((args, kwargs)) if isinstance(operand, Tensor)]
        if formula is not None and self._has_activation(operands):
            self._count(operands, formula(*args, **kwargs, out_val=result) / 2, result)
        elif formula is None and _hides_products(func) and self._has_activation(operands):
            self.uncounted[func.name().partition(".")[0]] = None
            self.hidden.update(*(self._sources.get(_memory(operand), ()) for operand in operands))
        self._follow(operands, result)
        return result

    def _has_activation(self, operands: Sequence[Tensor]) -> bool:
        """Whether a product is part of the work for an example; others compute weights."""
        return any(self._varies(_memory(operand)) or _memory(operand) in self._created for operand in operands)

    def _varies(self, memory: int) -> bool:
        """Whether a tensor depends on the example. On the `meta` device, all do: they have one memory."""
        elsewhere = memory in self._sources or memory in self._constants or memory in self._created
        return memory in self._varying or not elsewhere

    def _follow(self, operands: Sequence[Tensor], result: Any) -> None:
        """Note what the results of an operation come from; they may be in the memory of its operands."""
        memories = {_memory(operand) for operand in operands}
        varying = any(map(self._varies, memories))
        created = not operands or not memories.isdisjoint(self._created)
        sources = frozenset().union(*(self._sources.get(memory, frozenset()) for memory in memories))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and (memory := _memory(tensor)) not in self._parameters:
                self._varying.discard(memory)
                self._constants.discard(memory)
                self._created.discard(memory)
                self._sources.pop(memory, None)
                if varying:
                    self._varying.add(memory)
                elif sources:
                    self._sources[memory] = sources
                elif created:
                    self._created.add(memory)
                else:
                    self._constants.add(memory)

    def _count(self, operands: Sequence[Tensor], multiply_adds: float, result: Any) -> None:
        """Add a product, and attribute it to the largest weight that one of its factors comes from.

        Biases have one dimension.
        """
        self.multiply_adds += multiply_adds
        factors = [operand for operand in operands if operand.ndim > 1 and not self._varies(_memory(operand))]
        names = frozenset().union(*(self._sources.get(_memory(factor), frozenset()) for factor in factors))
        if names:
            name = max(sorted(names), key=lambda name: self._weights[name].numel())
            weight_flops, other_flops = _paper_flops(self._weights[name], multiply_adds, result.numel())
            self.per_layer[name] += multiply_adds
            self.paper_per_layer[name] += weight_flops
            self.paper_flops += weight_flops + other_flops


def _hides_products(operation: Any) -> bool:
    """Whether an operation without a formula may multiply matrices: some of torch do, and any of another library."""
    if operation.namespace not in _OF_TORCH:
        return True
    return any(word in operation.name() for word in _WITH_PRODUCTS)


def sparse(dense: Costs, densities: Mapping[str, float]) -> tuple[float | None, float | None]:
    """Multiply-adds and paper FLOPs if pruned weights cost nothing (theoretical: no hardware skips them all).

    None where those of the dense network are unknown.

    `densities` are fractions of 1 by weight name; weights without one, and whatever is not a weight, count in full.
    """
    if dense.multiply_adds is None or dense.paper_flops is None:
        return None, None
    spared = math.fsum((1 - density) * (dense.of_layer(name) or 0) for name, density in densities.items())
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
