"""How a sweep file says to run trials: their resources, their limits, and retries after failures."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from orchestrator.sweep.fields import MOST_CELLS, Gpus, TimeLimit, number, whole
from orchestrator.sweep.mappings import FixedKeys


class DenseResourcesSpec(FixedKeys):
    """The CPUs and GPUs of a dense training; what is not given is as for other trials."""

    cpus: Annotated[int, whole(1, 10_000)] | None = None
    gpus: Gpus | None = None


class ResourcesSpec(FixedKeys):
    """The CPUs and GPUs of one trial. `gpus` is 1/k, where k trials share a GPU, or a whole number that share a trial.

    `dense` is what a dense training gets instead, such as a whole GPU where other trials share one. `price_per_hour` is
    what these cost while a trial runs, in any currency: `plan` multiplies it.
    """

    cpus: Annotated[int, whole(1, 10_000)] = 1
    gpus: Gpus = Fraction(0)
    dense: DenseResourcesSpec | None = None
    price_per_hour: Annotated[float, number("a positive price", lambda price: price > 0, "0.35")] | None = None

    def gpus_of(self, is_dense: bool) -> Fraction:
        """The GPUs of a trial."""
        dense = self.dense.gpus if is_dense and self.dense is not None else None
        return self.gpus if dense is None else dense

    def ranks(self, is_dense: bool) -> int:
        """How many GPUs share the batches of a trial: all that it has, each with one process."""
        return max(1, int(self.gpus_of(is_dense)))


class LimitsSpec(FixedKeys):
    """Limits that catch typing errors and trials that do not end."""

    max_cells: Annotated[int, whole(1)] = MOST_CELLS
    trial_timeout: TimeLimit | None = None


class RetriesSpec(FixedKeys):
    """How many times a trial is tried again after failures of each class that may not recur."""

    lost_worker: Annotated[int, whole(0, 1000)] = 2
    io: Annotated[int, whole(0, 1000)] = 3
    timeout: Annotated[int, whole(0, 1000)] = 1


class FailuresSpec(FixedKeys):
    """What to do about trials that fail."""

    retries: RetriesSpec = RetriesSpec()
