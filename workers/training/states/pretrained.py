"""Dense networks that were trained elsewhere, as safetensors files. Never opens pickles: they can run code."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load
from torch import nn

from workers.errors import BadInput, InputError
from workers.trial import Pretrained

_COUNTERS = "num_batches_tracked"  # of BatchNorm, used only without momentum; files often lack it


def describe_weights(path: str, network: nn.Module) -> str:
    """The checksum of a file that fits a network: `sha256:` and 32 hexadecimal digits.

    Raises InputError for a file that is missing, is not a safetensors file, or has other tensors than the network.
    """
    data = _bytes(path)
    try:
        with safe_open(path, framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"`{path}` is not a safetensors file: {error}") from error
    _check_fits(path, shapes, network)
    return _checksum(data)


def read_weights(pretrained: Pretrained, network: nn.Module) -> dict[str, torch.Tensor]:
    """A network's whole state from the file that a trial names. Raises BadInput if the file has changed since."""
    try:
        data = _bytes(pretrained.path)
        if _checksum(data) != pretrained.checksum:
            raise BadInput(
                f"`{pretrained.path}` has changed since the sweep was planned: its checksum is `{_checksum(data)}`, "
                f"not `{pretrained.checksum}`",
                hint="restore the old file, or use another store",
            )
        tensors = load(data)
        _check_fits(pretrained.path, {name: tuple(tensor.shape) for name, tensor in tensors.items()}, network)
    except InputError as error:
        raise BadInput(error.message, hint=error.hint) from error
    tied = _tied(network)
    copies = {name: tensors[twin] for name in tied if name not in tensors for twin in tied[name] if twin in tensors}
    return network.state_dict() | tensors | copies


def _bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(f"cannot read `{path}`: {error.strerror}", hint="check the path in `dense.from`") from error


def _checksum(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()[:32]}"


def _check_fits(path: str, shapes: Mapping[str, tuple[int, ...]], network: nn.Module) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    missing = [name for name in expected if name not in shapes and not name.endswith(_COUNTERS)]
    tied = _tied(network)
    missing = [name for name in missing if shapes.keys().isdisjoint(tied.get(name, ()))]
    unknown = [name for name in shapes if name not in expected]
    differences = []
    if missing:
        differences.append(f"it lacks {_some(missing)}")
    if unknown:
        differences.append(f"it also has {_some(unknown)}")
    if differences:
        raise InputError(
            f"`{path}` does not fit the network: {'; '.join(differences)}",
            hint="its names must be those of the network's `state_dict()`; "
            "`safetensors.torch.save_model(network, path)` writes them",
        )
    for name, shape in shapes.items():
        if shape != expected[name]:
            raise InputError(f"`{path}` does not fit the network: `{name}` has shape {shape}, not {expected[name]}")


def _tied(network: nn.Module) -> dict[str, list[str]]:
    """For each name of a tensor that has several, all of them: `safetensors.torch.save_model` keeps only one."""
    names: dict[tuple[int, torch.Size], list[str]] = defaultdict(list)
    for name, tensor in network.state_dict().items():
        if tensor.numel():
            names[tensor.data_ptr(), tensor.shape].append(name)
    return {name: twins for twins in names.values() if len(twins) > 1 for name in twins}


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(f"`{name}`" for name in names[:3]) + more
