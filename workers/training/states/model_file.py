"""A trained network for use elsewhere: its weights and masks as a plain safetensors file."""

from __future__ import annotations

from typing import NamedTuple

from safetensors.torch import save

from workers.training.states.state import parse_state
from workers.trial import Stop

MASK = "..mask"
"""The name of a mask is that of its weight, followed by this: a network's own names never have two dots in a row."""


class ModelFile(NamedTuple):
    """The bytes of a file, and the weight of each mask in it."""

    data: bytes
    masks: dict[str, str]


def model_file(checkpoint_bytes: bytes, path: str, stop: Stop) -> ModelFile:
    """The network in a stop's checkpoint: its whole `state_dict()`, pruned weights exactly zero, and a boolean mask of
    each pruned weight (True: kept).

    Raises CorruptFile (which names `path`) for anything but that checkpoint.
    """
    state = parse_state(checkpoint_bytes, path, stop)
    masks = {f"{name}{MASK}": mask for name, mask in state.masks.items()}
    data = save({**state.model, **masks}, {"format": "pt"})  # with two entries, their order in the file would vary
    return ModelFile(data, {mask: mask.removesuffix(MASK) for mask in sorted(masks)})
