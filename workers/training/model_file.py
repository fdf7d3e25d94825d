"""A trained network to take away: its weights and masks as a plain safetensors file."""

from __future__ import annotations

from typing import NamedTuple

from safetensors.torch import save

from workers.errors import InputError
from workers.training.state import parse_state
from workers.trial import Stop

MASK = ".mask"
"""Follows the name of a parameter in the name of its mask."""


class ModelFile(NamedTuple):
    """The bytes of a file, and the parameter that each mask in it is of."""

    data: bytes
    masks: dict[str, str]


def model_file(checkpoint_bytes: bytes, path: str, stop: Stop) -> ModelFile:
    """The network in a stop's checkpoint: its whole `state_dict()`, pruned weights exactly zero, and beside it a
    boolean mask of each pruned parameter (True: kept).

    Raises CorruptFile for bytes that are no such checkpoint (`path` is what it calls them), InputError for a network
    that has something of the name of a mask.
    """
    state = parse_state(checkpoint_bytes, path, stop)
    masks = {f"{name}{MASK}": mask for name, mask in state.masks.items()}
    if taken := sorted(masks.keys() & state.model.keys()):
        raise InputError(
            f"the network has a tensor `{taken[0]}`, which is what its file calls a mask", hint="name it otherwise"
        )
    data = save({**state.model, **masks}, {"format": "pt"})  # a second entry would be written in any order
    return ModelFile(data, {mask: mask.removesuffix(MASK) for mask in sorted(masks)})
