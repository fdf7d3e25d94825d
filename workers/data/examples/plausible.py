"""Whether examples look like what was meant: finite numbers that differ, and more than one class."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from workers.data.batches.structure import Batch, Values, tensors
from workers.errors import InputError
from workers.text import plural, several


def example_notes(parts: Mapping[str, Batch], noun: str) -> list[str]:
    """What is odd about the parts of a data set, `training`, `test` and maybe `validation`.

    Raises InputError for numbers that are not finite, and for training examples whose inputs or targets are all the
    same.
    """
    for part, batch in parts.items():
        for what, values in zip(("inputs", "targets"), batch, strict=True):
            _check_finite(f"{part} {what}", values)
    for what, values in zip(("inputs", "targets"), parts["training"], strict=True):
        _check_varied(what, values, noun)
    return lacking_notes(labels(parts["training"][1]), labels(parts["test"][1]), noun)


def lacking_notes(trained: Tensor | None, tested: Tensor | None, noun: str) -> list[str]:
    """How many classes (N,) of test examples no training example has; nothing where targets are not classes."""
    if trained is None or tested is None:
        return []
    lacking = set(tested.unique().tolist()) - set(trained.unique().tolist())
    return [f"classes of test {several(noun)} without training {several(noun)}: {len(lacking):,}"] if lacking else []


def labels(targets: Values) -> Tensor | None:
    """The targets if they are class numbers (N,), else None."""
    if isinstance(targets, Tensor) and targets.ndim == 1 and targets.dtype == torch.int64:
        return targets
    return None


def _check_finite(what: str, values: Values) -> None:
    for tensor in tensors(values):
        if not tensor.is_floating_point():
            continue
        bad = tensor.numel() - int(torch.isfinite(tensor).sum())
        if bad:
            raise InputError(
                f"the {what} must be finite numbers, but {bad:,} of {tensor.numel():,} are infinite or not a number",
                hint="replace missing values before training, for example by the mean",
            )


def _check_varied(what: str, values: Values, noun: str) -> None:
    """All examples alike teach nothing; usually the wrong column or file was read."""
    if all(bool((tensor == tensor[:1]).all()) for tensor in tensors(values)) and len(tensors(values)[0]) > 1:
        count = plural(len(tensors(values)[0]), f"training {noun}")
        raise InputError(
            f"the {what} of all {count} are the same",
            hint="check where they come from: there is nothing to learn",
        )
