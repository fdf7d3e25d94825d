"""What the ranks of a trial exchange in each step: gradients, BatchNorm statistics and the loss.

One all-reduce of one flat tensor, in the order of the parameters, after each backward pass. torch's
DistributedDataParallel overlaps the two, but lays gradients out differently in the first step of a process: with three
ranks or more, a trial that is stopped and continued would end with other bits.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from workers.data.batches.share import BatchShare
from workers.errors import Outcome, TrialError

PATIENCE = timedelta(hours=1)
"""How long a rank waits for the others, which may be evaluating or saving: longer than a store is without answer."""

MEETING = timedelta(minutes=2)
"""How long rank 0 waits for the others to connect: they are ready then."""


class PeerLost(TrialError):
    """An exchange with the other ranks has failed: one has ended, or did not answer."""

    outcome: Outcome = "lost_worker"


class Step(NamedTuple):
    """The mean loss of a whole batch, how many of its examples are classified correctly, and how many it has.

    `correct` is None where nothing is classified.
    """

    loss: Tensor
    correct: Tensor | None
    examples: int


def connect(share: BatchShare, path: str, device: torch.device) -> None:
    """Connect this process with the other ranks, which all do the same, by way of a new file at `path`."""
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    with _peer_lost(), _on_loopback(), _excepthook_kept():
        dist.init_process_group(
            backend,
            init_method=f"file://{path}",
            rank=share.rank,
            world_size=share.ranks,
            timeout=PATIENCE if share.rank else MEETING,
        )
    _set_timeout(PATIENCE)


def _set_timeout(timeout: timedelta) -> None:
    """Wait so long for the other ranks from now on."""
    if hasattr(dist, "set_timeout"):
        dist.set_timeout(timeout)
    else:  # before torch 2.15
        dist.distributed_c10d._set_pg_timeout(timeout)


@contextlib.contextmanager
def _peer_lost() -> Iterator[None]:
    """Raise PeerLost for what torch raises where a rank does not take part."""
    try:
        yield
    except RuntimeError as error:
        raise PeerLost(f"another rank of the trial was lost: {str(error).splitlines()[0]}") from error


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Let gloo use the loopback interface, which nothing outside this machine can reach, unless told otherwise."""
    if "GLOO_SOCKET_IFNAME" in os.environ:
        yield
        return
    os.environ["GLOO_SOCKET_IFNAME"] = "lo0" if sys.platform == "darwin" else "lo"
    try:
        yield
    finally:
        del os.environ["GLOO_SOCKET_IFNAME"]


@contextlib.contextmanager
def _excepthook_kept() -> Iterator[None]:
    """Leave `sys.excepthook` as it is: for each trial of a process, torch has it print one more `[rank0]: `."""
    hook = sys.excepthook
    try:
        yield
    finally:
        sys.excepthook = hook


class Exchange:
    """The exchange of a connected process about a network and the parameters that its optimizer trains.

    With `adds_up`, gradients are sums over examples, not means.
    """

    def __init__(
        self, network: nn.Module, parameters: Sequence[Tensor], share: BatchShare, adds_up: bool = False
    ) -> None:
        self._parts_of_gradient = 1 if adds_up else share.ranks
        self._norms = [module for module in network.modules() if isinstance(module, _NormBase)]
        self._parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self._share = share

    @torch.no_grad()
    def step(self, loss: Tensor, correct: Tensor | None, examples: int) -> Step:
        """Average running statistics over all ranks, and average gradients or add them up.

        Takes and returns what the step is judged by.
        """
        missing = [parameter for parameter in self._parameters if parameter.grad is None]
        present = torch.tensor([float(parameter.grad is not None) for parameter in self._parameters])
        for parameter in missing:
            parameter.grad = torch.zeros_like(parameter)
        classified = torch.zeros_like(loss) if correct is None else correct
        sums = torch.cat((torch.stack((loss.float(), classified.float())), present.to(loss.device)))
        gradients = [parameter.grad for parameter in self._parameters if parameter.grad is not None]
        self._add_up([*gradients, *self._statistics(), sums])
        for gradient in gradients:
            gradient.div_(self._parts_of_gradient)
        for statistic in self._statistics():
            statistic.div_(self._share.ranks)
        if missing:
            self._drop_unused(sums[2:])
        whole = None if correct is None else sums[1].long()
        return Step(sums[0] / self._share.ranks, whole, examples * self._share.ranks)

    def check_same(self, digest: str, step: int) -> None:
        """Raise TrialError unless all ranks have the same state, by its digest: hexadecimal digits."""
        own = torch.frombuffer(bytearray.fromhex(digest), dtype=torch.uint8)
        digests = [torch.empty_like(own) for _ in range(self._share.ranks)]
        with _peer_lost():
            dist.all_gather(digests, own)
        if any(not torch.equal(own, other) for other in digests):
            raise TrialError(
                f"the {self._share.ranks} ranks of the trial have different weights or buffers after step {step:,}",
                hint="buffers may depend on a batch only in layers of BatchNorm or InstanceNorm: train on one GPU, or "
                "take such buffers out of the network",
            )

    def _statistics(self) -> list[Tensor]:
        """The running means and variances that this step has changed."""
        changed = [norm for norm in self._norms if norm.training and norm.running_mean is not None]
        return [tensor for norm in changed for tensor in (norm.running_mean, norm.running_var) if tensor is not None]

    def _add_up(self, tensors: Sequence[Tensor]) -> None:
        """Set each tensor to its sum over all ranks."""
        by_type: dict[torch.dtype, list[Tensor]] = defaultdict(list)
        for tensor in tensors:
            by_type[tensor.dtype].append(tensor)
        for group in by_type.values():
            flat = torch.cat([tensor.reshape(-1) for tensor in group])
            with _peer_lost():
                dist.all_reduce(flat)
            for tensor, part in zip(group, flat.split([math.prod(tensor.shape) for tensor in group]), strict=True):
                tensor.copy_(part.view(tensor.shape))

    def _drop_unused(self, present: Tensor) -> None:
        """Leave parameters that no rank has used without gradient, as in a single process."""
        for parameter, count in zip(self._parameters, present.tolist(), strict=True):
            if not count:
                parameter.grad = None
