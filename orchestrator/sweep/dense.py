"""Dense networks that were trained elsewhere: what a sweep file says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath
from string import Formatter
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from orchestrator.sweep.fields import refuse
from orchestrator.sweep.mappings import FixedKeys
from orchestrator.sweep.problems import KeyPath, Problem
from workers.techniques import TECHNIQUES

_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle", ".tar")


def _path(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise refuse("must be the path of a safetensors file", "for example `dense-{replicate}.safetensors`")
    suffix = PurePath(value).suffix.lower()
    if suffix in _PICKLES:
        hint = (
            "convert it where you trust it: `safetensors.torch.save_file(torch.load(path, weights_only=True), "
            "'dense.safetensors')`"
        )
        raise refuse("is a pickle, which could run code and is never opened", hint)
    if suffix != ".safetensors":
        raise refuse("must be a `.safetensors` file", "`safetensors.torch.save_file(network.state_dict(), path)`")
    try:
        fields = {field for _, field, _, _ in Formatter().parse(value) if field is not None}
    except ValueError:
        fields = {""}
    if fields - {"replicate"}:
        raise refuse("can hold no other field than `{replicate}`", "for example `dense-{replicate}.safetensors`")
    return value


class DenseSpec(FixedKeys):
    """The dense network of every replicate is this file, `{replicate}` standing for its number."""

    path: Annotated[str, PlainValidator(_path)] = Field(alias="from")

    def file(self, replicate: int) -> str:
        """The file of one replicate."""
        return self.path.format(replicate=replicate)


def check_techniques(dense: object, grids: list[tuple[KeyPath, dict[str, Any]]]) -> Iterator[Problem]:
    """Techniques that go back to a point of the dense training, where there was none."""
    if dense is None:
        return
    for path, grid in grids:
        for here, name in _named(path, grid):
            if name in TECHNIQUES and TECHNIQUES[name].start == "rewind":
                message = "goes back to a point of the dense training, and a file has only its end"
                yield Problem(here, message, "leave it out, or leave out `dense` and train the network here")


def _named(path: KeyPath, grid: Mapping[str, Any]) -> list[tuple[KeyPath, str]]:
    given = grid.get("technique")
    items = [((*path, "technique", index), name) for index, name in enumerate(given)] if isinstance(given, list) else []
    items = items or [((*path, "technique"), given)]
    return [(here, name) for here, name in items if isinstance(name, str)]
