"""Dense networks from files, which a sweep file names instead of training them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from string import Formatter
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from orchestrator.sweep.fields import path_of, refuse
from orchestrator.sweep.mappings import FixedKeys
from orchestrator.sweep.plain_data import words_at
from orchestrator.sweep.problems import KeyPath, Problem
from workers.techniques import TECHNIQUES

_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".tar")


def _path(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise refuse("must be the path of a safetensors file", "write a path such as `dense-{replicate}.safetensors`")
    value = path_of(value)
    suffix = PurePath(value).suffix.lower()
    if suffix in _PICKLES:
        hint = (
            "convert it where you trust it: `safetensors.torch.save_file(torch.load(path, weights_only=True), "
            "'dense.safetensors')`"
        )
        raise refuse("cannot be a pickle, which could run code when it is opened", hint)
    if suffix != ".safetensors":
        raise refuse("must be a `.safetensors` file", "use `safetensors.torch.save_model(network, path)`")
    try:
        fields = {field for _, field, _, _ in Formatter().parse(value) if field is not None}
    except ValueError:
        fields = {""}
    if fields - {"replicate"}:
        raise refuse(
            "can have no field other than `{replicate}`", "write a path such as `dense-{replicate}.safetensors`"
        )
    return value


class DenseSpec(FixedKeys):
    """The file of the dense network, in which `{replicate}` stands for the number of the replicate."""

    path: Annotated[str, PlainValidator(_path)] = Field(alias="from")

    def file(self, replicate: int) -> str:
        """The file of one replicate."""
        return self.path.format(replicate=replicate)


def check_techniques(dense: object, grids: list[tuple[KeyPath, dict[str, Any]]]) -> Iterator[Problem]:
    """Dense networks from files have no rewind points."""
    if dense is None:
        return
    for path, grid in grids:
        for place, name in words_at((*path, "technique"), grid):
            if name in TECHNIQUES and TECHNIQUES[name].start == "rewind":
                message = "cannot rewind to a point of the dense training, because a file has only its end"
                yield Problem(place, message, "remove it, or remove `dense` to train the dense network here")
