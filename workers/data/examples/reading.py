"""Reading the examples of a map-style data set: seeded one by one, augmented, and made into a batch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import default_collate

from workers.data.batches.structure import Batch, Values, described, mapped, tensors
from workers.errors import BadInput, PrunesweepError
from workers.machine.generators import cpu_generators_restored, seed_cpu_generators
from workers.registry import described as error_described
from workers.seeds import seed
from workers.text import plural


class MapStyle(Protocol):
    """A map-style data set of torch, or anything else with a length and examples by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


_IN_PYTHON = "read `dataset[{}]` in Python to see why, and fix the data or leave the example out"
_AUGMENTING = "`augment` is called as `augment(example, generator)` and returns an example"
_TENSORS = (
    "return tensors, arrays or numbers for each example, of pictures for example by "
    "`torchvision.transforms.functional.to_tensor`"
)

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
            examples = [self._read(dataset, index, number, train) for index, number in zip(which, seeds, strict=True)]
            seed_cpu_generators(batch_seed)
            return self._collated(examples)

    def _read(self, dataset: MapStyle, index: int, number: int, train: bool) -> Any:
        """An example, augmented for training. `number` seeds all generators."""
        seed_cpu_generators(number)
        with _naming(f"example {index:,} cannot be read", _IN_PYTHON.format(index)):
            example = dataset[index]
        if train and self.augment is not None:
            with _naming(f"example {index:,} cannot be augmented", _AUGMENTING):
                example = self.augment(example, torch.Generator().manual_seed(number))
        if example is None:
            raise BadInput(f"example {index:,} is None", hint="end `__getitem__`, or `augment`, with `return`")
        return example

    def _collated(self, examples: list[Any]) -> Batch:
        if self.collate_fn is None:
            _check_lists(examples[0])
        try:
            batch = (self.collate_fn or default_collate)(examples)
        except PrunesweepError:
            raise
        except Exception as error:  # the user's function may raise anything
            wrong_type = "default_collate" in str(error)
            raise BadInput(
                f"{plural(len(examples), 'example')} cannot become a batch: {error_described(error)}",
                hint=_TENSORS
                if wrong_type
                else "give a `collate_fn` that pads them to one shape and returns (inputs, targets)",
            ) from error
        inputs, targets = (_values(*part) for part in zip(("inputs", "targets"), self._divided(batch), strict=True))
        _check_counts(inputs, targets, len(examples))
        if self.collate_fn is not None:
            return inputs, targets
        return mapped(single, inputs), mapped(class_number, mapped(single, targets))

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
                hint="let the data set return (input, target) for each example, ((input, input), target) if there are "
                "several inputs, or name the key of the targets of dicts with `target`",
            )
        return batch[0], batch[1]


@contextlib.contextmanager
def _naming(message: str, hint: str) -> Iterator[None]:
    """Raise BadInput for whatever the user's code raises in the block."""
    try:
        yield
    except PrunesweepError:
        raise
    except Exception as error:
        raise BadInput(f"{message}: {error_described(error)}", hint=hint) from error


def _check_lists(example: Any) -> None:
    """Raise BadInput for a list of numbers in an example, of which torch would make an input for each number."""
    values = example.values() if isinstance(example, Mapping) else example if isinstance(example, tuple | list) else ()
    for value in values:
        if isinstance(value, list) and all(isinstance(item, int | float) for item in value):
            raise BadInput(
                f"examples must not have lists of numbers, each of which would be an input: {described(value)}",
                hint="return `torch.tensor(...)` of the list",
            )


def _check_counts(inputs: Values, targets: Values, examples: int) -> None:
    """Raise BadInput unless the first dimension of all tensors counts the examples."""
    if any(len(tensor) != examples for tensor in (*tensors(inputs), *tensors(targets))):
        raise BadInput(
            f"the first dimension of a batch of {plural(examples, 'example')} must count them, not inputs "
            f"{described(inputs)} and targets {described(targets)}",
            hint="let `collate_fn` keep all examples, and put them first, for example with `batch_first=True`",
        )


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
    result: Values = mapped(Tensor.detach, values)
    return result


def single(tensor: Tensor) -> Tensor:
    """Float32 in place of float64, since networks compute in it."""
    return tensor.float() if tensor.dtype == torch.float64 else tensor


def class_number(tensor: Tensor) -> Tensor:
    """Int64, which losses take, in place of other whole numbers; those of many small ones, as of pixels, stay."""
    is_whole = not (tensor.is_floating_point() or tensor.is_complex())
    is_small = tensor.ndim > 1 and tensor.dtype in (torch.uint8, torch.bool)
    return tensor.long() if is_whole and not is_small else tensor


def training_seeds(replicate: int, stage: str, epochs: Tensor, which: Tensor) -> list[int]:
    """The seed of each example of a batch: its numbers do not depend on the batch that it is in."""
    pairs = zip(epochs.tolist(), which.tolist(), strict=True)
    return [seed(replicate, stage, "example", epoch, index) for epoch, index in pairs]


def fixed_seeds(part: str, which: Iterable[int]) -> list[int]:
    """The seeds of examples that are the same each time, such as those of the test set."""
    return [seed(part, "example", index) for index in which]
