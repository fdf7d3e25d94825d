"""Reading the examples of a map-style data set: seeded one by one, augmented, and made into a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import default_collate

from workers.data.batches.structure import Batch, Values, described, mapped
from workers.errors import BadInput, PrunesweepError
from workers.machine.generators import cpu_generators_restored, seed_cpu_generators
from workers.registry import described as error_described
from workers.seeds import seed


class MapStyle(Protocol):
    """A map-style data set of torch, or anything else with a length and examples by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


Collate = Callable[[list[Any]], Any]
Augment = Callable[[Any, torch.Generator], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleReading:
    """How examples become batches: the functions of the user, and the key of the targets where examples are dicts.

    `workers` processes read batches ahead (0: the training process reads). Without `collate_fn`, examples are stacked
    by torch's `default_collate`, and numbers of 64 bits become 32 bits, in which networks compute.
    """

    collate_fn: Collate | None
    augment: Augment | None
    target: str | None
    workers: int
    device: torch.device

    def batch(
        self, dataset: MapStyle, which: Iterable[int], seeds: Iterable[int], batch_seed: int, train: bool
    ) -> Batch:
        """The examples at some indices, on the CPU.

        While each is read, the generators of torch, NumPy and Python have its seed; `augment` gets a generator with it,
        if the batch is for training; `collate_fn` runs with the `batch_seed`. They draw the same in any process.
        Raises BadInput with the number of an example that cannot be read.
        """
        with cpu_generators_restored():
            augment = self.augment if train else None
            examples = [_read(dataset, index, number, augment) for index, number in zip(which, seeds, strict=True)]
            seed_cpu_generators(batch_seed)
            return self._collated(examples)

    def _collated(self, examples: list[Any]) -> Batch:
        try:
            batch = (self.collate_fn or default_collate)(examples)
        except PrunesweepError:
            raise
        except Exception as error:  # the user's function may raise anything
            raise BadInput(
                f"{len(examples):,} examples cannot become a batch: {error_described(error)}",
                hint="give a `collate_fn` that pads them to one shape and returns (inputs, targets)",
            ) from error
        inputs, targets = self._divided(batch)
        pair = _values("inputs", inputs), _values("targets", targets)
        return pair if self.collate_fn else (mapped(_single, pair[0]), mapped(_single, pair[1]))

    def _divided(self, batch: Any) -> tuple[Any, Any]:
        """Inputs and targets."""
        if self.target is not None:
            if not isinstance(batch, Mapping) or self.target not in batch:
                keys = f"with the keys {', '.join(map(str, batch))}" if isinstance(batch, Mapping) else ""
                raise BadInput(
                    f"examples have no `{self.target}`, which `target` says: {type(batch).__name__} {keys}".rstrip(),
                    hint="let the data set return dicts, and give `target` the key of the targets",
                )
            return {key: value for key, value in batch.items() if key != self.target}, batch[self.target]
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise BadInput(
                f"a batch must be (inputs, targets), not {described(batch)}",
                hint="let the data set return (input, target) for each example, or name the key of the targets of "
                "dicts with `target`",
            )
        return batch[0], batch[1]


def _read(dataset: MapStyle, index: int, number: int, augment: Augment | None) -> Any:
    seed_cpu_generators(number)
    try:
        example = dataset[index]
        return example if augment is None else augment(example, torch.Generator().manual_seed(number))
    except PrunesweepError:
        raise
    except Exception as error:  # the user's code may raise anything
        raise BadInput(
            f"example {index:,} cannot be read: {error_described(error)}",
            hint=f"read `dataset[{index}]` in Python to see why, and fix the data or leave the example out",
        ) from error


def _values(what: str, values: Any) -> Values:
    """Inputs or targets of a batch. Raises BadInput for anything but tensors."""
    if isinstance(values, Mapping):
        values = dict(values)
    elif isinstance(values, list):
        values = tuple(values)
    items = list(values.values()) if isinstance(values, dict) else values if isinstance(values, tuple) else [values]
    if not items or not all(isinstance(item, Tensor) and item.ndim for item in items):
        raise BadInput(
            f"the {what} of a batch must be a tensor, or a tuple or dict of tensors, not {described(values)}",
            hint="return tensors, arrays or numbers for each example",
        )
    result: Values = values
    return result


def _single(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == torch.float64 else tensor


def training_seeds(replicate: int, stage: str, epochs: Tensor, which: Tensor) -> list[int]:
    """The seed of each example of a batch: its numbers do not depend on the batch that it is in."""
    pairs = zip(epochs.tolist(), which.tolist(), strict=True)
    return [seed(replicate, stage, "example", epoch, index) for epoch, index in pairs]


def fixed_seeds(part: str, which: Iterable[int]) -> list[int]:
    """The seeds of examples that are the same each time, such as those of the test set."""
    return [seed(part, "example", index) for index in which]
