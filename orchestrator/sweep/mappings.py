"""The two kinds of mappings in a sweep file: fixed keys, or a name with its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from orchestrator.sweep.fields import Argument, Text, text
from orchestrator.sweep.problems import shown
from orchestrator.sweep.values import exact_text


class FixedKeys(BaseModel):
    """A mapping with a fixed set of keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NamedSpec(BaseModel):
    """A name, with its arguments under the other keys."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, Argument] = Field(init=False)

    name: Text

    @property
    def arguments(self) -> dict[str, Any]:
        return dict(self.model_extra or {})

    @property
    def label(self) -> str:
        """`resnet20`, `resnet8(width=8)`."""
        return call_text(self.name, sorted(self.arguments.items()))


def _function(value: object) -> object:
    """The name of a function as text, or with its arguments; a mapping of a name alone means the same as the name."""
    if not isinstance(value, dict):
        return text(value)
    function = FunctionSpec.model_validate(value)
    return function if function.arguments else function.name


class FunctionSpec(NamedSpec):
    """A function by its name, with its arguments."""


Function = str | FunctionSpec
"""A name, or a name and its arguments."""

AnyFunction = Annotated[Function, PlainValidator(_function)]


def name_of(function: Function) -> str:
    return function if isinstance(function, str) else function.name


def arguments_of(function: Function) -> dict[str, Any]:
    return {} if isinstance(function, str) else function.arguments


def label_of(function: Function) -> str:
    """`lr_rewinding`, `my_techniques:warm(peak=0.1)`."""
    return function if isinstance(function, str) else function.label


def call_text(name: str, arguments: Sequence[tuple[str, object]]) -> str:
    """A name with its arguments: `resnet8(width=8)`."""
    inside = ", ".join(f"{key}={_argument_text(value)}" for key, value in arguments)
    return f"{name}({inside})" if inside else name


def _argument_text(value: object) -> str:
    if isinstance(value, FunctionSpec):
        return value.label
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_argument_text(item) for item in value) + "]"
    if isinstance(value, dict):
        keys = sorted(value, key=str)  # the order of a store, so that a sweep that is resumed has the same labels
        return "{" + ", ".join(f"{key}: {_argument_text(value[key])}" for key in keys) + "}"
    return exact_text(value) if isinstance(value, Fraction) else shown(value, width=200)
