"""The whole state of a trial after a step, as one safetensors file. Reading one runs no code.

Tensors are named `model/<name>` (parameters and buffers), `optimizer/<parameter index>/<key>` and `mask/<name>`; the
header's metadata holds the step, the optimizer's plain numbers, the history (learning curve, times), the digest of
the state and a checksum of the metadata. A checkpoint is such a file that is kept.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from workers.errors import CorruptFile, NewerFile
from workers.trial import Stop

FORMAT = "1"
_UNREADABLE = (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError, RuntimeError)


@dataclass
class History:
    """How a trial came to a state: saved with it, but not part of its digest.

    `curve` has a point for each complete epoch; `losses`, `correct` and `images` (the examples) are sums over the
    incomplete one. `correct` is None where nothing is classified.
    `seconds` and `attempts` add up all attempts that led here. `start_digest` and `mask_digest` are those of the
    states that the trial began with; `rate_factor` multiplies all learning rates; `last_loss` is the last step's.
    """

    curve: list[dict[str, Any]] = field(default_factory=list)
    losses: float = 0.0
    correct: int | None = 0
    images: int = 0
    seconds: float = 0.0
    attempts: int = 0
    start_digest: str | None = None
    mask_digest: str | None = None
    rate_factor: float = 1.0
    last_loss: float | None = None


@dataclass
class State:
    """A trial after `step` steps, on the CPU. Its tensors share no memory with anything else.

    `ranks`, which are not part of its digest, are how many trained the last step.
    """

    trial: str
    step: int
    model: dict[str, torch.Tensor]
    optimizer: dict[int, dict[str, Any]]
    masks: dict[str, torch.Tensor]
    history: History = field(default_factory=History)
    ranks: int = 1

    def tensors(self) -> dict[str, torch.Tensor]:
        tensors = {f"model/{name}": tensor for name, tensor in self.model.items()}
        for index, slots in self.optimizer.items():
            for key, value in slots.items():
                if isinstance(value, torch.Tensor):
                    tensors[f"optimizer/{index}/{key}"] = value
        return tensors | {f"mask/{name}": mask for name, mask in self.masks.items()}

    def numbers(self) -> dict[str, Any]:
        """The optimizer's entries that are not tensors, by `<parameter index>/<key>`."""
        return {
            f"{index}/{key}": value
            for index, slots in self.optimizer.items()
            for key, value in slots.items()
            if not isinstance(value, torch.Tensor)
        }

    def digest(self) -> str:
        """SHA-256 over weights, buffers, optimizer state, masks and the step: equal if and only if the bits are."""
        summary = hashlib.sha256(json.dumps([self.step, self.numbers()], sort_keys=True).encode())
        for name, tensor in sorted(self.tensors().items()):
            summary.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
            summary.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return summary.hexdigest()


def dump_state(state: State) -> tuple[bytes, str]:
    """The bytes of a state file, and the digest of the state."""
    digest = state.digest()
    metadata = {
        "format": FORMAT,
        "trial": state.trial,
        "step": str(state.step),
        "numbers": json.dumps(state.numbers()),
        "progress": json.dumps(vars(state.history)),
        "digest": digest,
    }
    if state.ranks > 1:
        metadata["ranks"] = str(state.ranks)
    metadata["checksum"] = _checksum(metadata)
    tensors = {name: tensor.contiguous().clone() for name, tensor in state.tensors().items()}
    return save_tensors(tensors, metadata), digest


def parse_state(data: bytes, path: str, stop: Stop | None = None) -> State:
    """The verified state in a file's bytes; with `stop`, it must be the state at that stop.

    Raises CorruptFile (which names `path`) for anything but a complete file of `dump_state`, NewerFile for a file that
    a newer version wrote.
    """
    try:
        metadata = _metadata(data)
        if _checksum(metadata) != metadata["checksum"]:
            raise CorruptFile(path, "the checksum of its header does not match")
        if metadata["format"] != FORMAT:
            raise NewerFile(path, f"has state format {metadata['format']}; this prunesweep reads {FORMAT}")
        tensors = load_tensors(data)
        state = _state(tensors, metadata)
    except _UNREADABLE as error:
        raise CorruptFile(path, f"not a state file of prunesweep: {error}") from error
    if state.digest() != metadata["digest"]:
        raise CorruptFile(path, "the digest of its tensors does not match")
    if stop is not None and stop != (state.trial, state.step):
        raise CorruptFile(path, f"holds the state of trial {state.trial} at step {state.step:,}")
    return state


def _state(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> State:
    state = State(
        trial=metadata["trial"],
        step=int(metadata["step"]),
        model={},
        optimizer={},
        masks={},
        history=History(**json.loads(metadata["progress"])),
        ranks=int(metadata.get("ranks", 1)),
    )
    for name, tensor in tensors.items():
        kind, _, rest = name.partition("/")
        if kind == "optimizer":
            index, _, key = rest.partition("/")
            state.optimizer.setdefault(int(index), {})[key] = tensor
        else:
            {"model": state.model, "mask": state.masks}[kind][rest] = tensor
    for name, value in json.loads(metadata["numbers"]).items():
        index, _, key = name.partition("/")
        state.optimizer.setdefault(int(index), {})[key] = value
    return state


def _metadata(data: bytes) -> dict[str, str]:
    """A safetensors file begins with the length of its JSON header, as eight little-endian bytes."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 + length:
        raise ValueError("shorter than its header says")
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    return {str(key): str(value) for key, value in metadata.items()}


def _checksum(metadata: dict[str, str]) -> str:
    text = json.dumps({key: value for key, value in metadata.items() if key != "checksum"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
