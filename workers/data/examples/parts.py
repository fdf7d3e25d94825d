"""Whether the parts of a data set fit together: training, test and validation examples."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from workers.data.batches.structure import Batch, Values, described, mapped, tensors
from workers.errors import BadInput


def check_part(part: str, batch: Batch) -> None:
    """Raise BadInput for anything but dense tensors in main memory that have one entry for each example."""
    for what, values in zip(("inputs", "targets"), batch, strict=True):
        if not isinstance(values, Tensor | tuple | dict) or not _are_tensors(values):
            raise BadInput(
                f"{part} {what} must be a tensor, or a tuple or dict of tensors, not {described(values)}",
                hint="convert arrays with `torch.from_numpy(...)`, lists of numbers with `torch.tensor(...)`; several "
                "inputs or targets are a tuple or dict, not a list",
            )
        for tensor in tensors(values):
            _check_dense(f"{part} {what}", tensor)
    counts = {len(tensor) if tensor.ndim else None for values in batch for tensor in tensors(values)}
    if len(counts) != 1 or counts & {0, None}:
        kinds = " and ".join(described(values) for values in batch)
        raise BadInput(
            f"all {part} tensors must have the same first dimension, the number of examples, at least 1: {kinds}",
            hint="give every tensor one entry for each example",
        )


def check_alike(part: str, batch: Batch, training: Batch, *, shapes: bool = True) -> None:
    """Raise BadInput unless examples have the types and shapes of training examples.

    Without `shapes`, as of sequences of any length, they must have the same number of dimensions.
    """
    if _kinds(batch, shapes) != _kinds(training, shapes):
        one, other = (
            " and ".join(described(mapped(lambda tensor: tensor[0], values)) for values in examples)
            for examples in (training, batch)
        )
        raise BadInput(
            f"{part} examples must have the types and shapes of training examples, {one}, not {other}",
            hint="prepare all parts in the same way",
        )


def _kinds(batch: Batch, shapes: bool) -> list[Any]:
    """What must be the same; the order of names does not matter."""

    def kind(tensor: Tensor) -> Any:
        return tensor.dtype, tensor.shape[1:] if shapes else tensor.ndim

    return [
        {name: kind(tensor) for name, tensor in values.items()}
        if isinstance(values, dict)
        else (isinstance(values, Tensor), [kind(tensor) for tensor in tensors(values)])
        for values in batch
    ]


def _check_dense(what: str, tensor: Tensor) -> None:
    """Raise BadInput for a tensor that cannot be divided into examples in main memory."""
    kind = "nested" if tensor.is_nested else str(tensor.layout).removeprefix("torch.")
    if kind != "strided" or tensor.device.type != "cpu":
        found = f"on {tensor.device}" if kind == "strided" else kind
        raise BadInput(
            f"{what} must be dense tensors in main memory, not {found}",
            hint="convert them with `.cpu()` or `.to_dense()`; pad sequences of different lengths",
        )


def _are_tensors(values: Values) -> bool:
    """Whether inputs or targets consist of tensors, at least one."""
    items = tensors(values)
    return bool(items) and all(isinstance(item, Tensor) for item in items)
