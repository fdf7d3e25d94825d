"""A resolved sweep as the text of a sweep file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

_FIRST = ("version", "name", "description", "store", "dataset", "network", "recipe", "dense", "pruning", "grid")
_NUMBER_LIKE = re.compile(r"[-+.\d]")
_LENGTH = re.compile(r"\d+(\.\d+)?(%|ep|it)")


def file_text(spec: Mapping[str, Any], comment: str) -> str:
    """JSON data of a sweep (`SweepSpec.canonical`) as YAML that `load_spec` reads back, under a comment."""
    ordered = {name: spec[name] for name in _FIRST if name in spec}
    data = ordered | {name: value for name, value in spec.items() if name not in ordered}
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return "".join(f"# {line}\n" for line in comment.splitlines()) + text


class _Dumper(yaml.SafeDumper):
    """Quotes text that begins like a number, because `yaml_source` reads more numbers than PyYAML: `1e3`, for one."""


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    quoted = _NUMBER_LIKE.match(text) and not _LENGTH.fullmatch(text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if quoted else None)


_Dumper.add_representer(str, _text)
