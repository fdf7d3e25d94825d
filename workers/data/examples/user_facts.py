"""What users say of their examples themselves: offers, a fingerprint, what an example is called, names of classes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from workers.data.batches.structure import described
from workers.data.examples.fingerprint import Declared
from workers.errors import BadInput


def check_user_facts(*, offers: Any, fingerprint: Any, noun: Any, class_names: Any) -> None:
    """Raise BadInput for what a plan could not keep or print."""
    if fingerprint is not None and not isinstance(fingerprint, Declared):
        raise BadInput(
            f"`fingerprint` must be a `prunesweep.Declared`, not {described(fingerprint)}",
            hint="write `fingerprint=prunesweep.Declared(name, reason)`, or leave it out to have all bytes read",
        )
    if not isinstance(noun, str) or not noun.strip():
        raise BadInput(f"`noun` must be text, what an example is called: {noun!r}", hint='write `noun="row"`')
    _check_names(class_names)
    if not isinstance(offers, Mapping):
        raise BadInput(
            f"`offers` must be a dict of values by name, not {described(offers)}", hint='write `offers={"depth": 3}`'
        )
    for name, value in offers.items():
        _check_offer(name, value)


def check_count_of_names(class_names: tuple[str, ...], classes: Any) -> None:
    """Raise BadInput if there are fewer names than classes."""
    if class_names and isinstance(classes, int) and len(class_names) < classes:
        raise BadInput(
            f"`class_names` must name all {classes:,} classes: {len(class_names):,}",
            hint="list a name for each number from 0 to the largest in the targets",
        )


def _check_names(class_names: Any) -> None:
    is_list = isinstance(class_names, Iterable) and not isinstance(class_names, str)
    if not is_list or not all(isinstance(name, str) for name in class_names):
        raise BadInput(
            f"`class_names` must list the names of the classes as text: {class_names!r}",
            hint='write `class_names=("cat", "dog")`',
        )


def _check_offer(name: Any, value: Any) -> None:
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"offer `{name}` must be a number, text, or a list or dict of them, not {described(value)}",
            hint="convert it, for example with `int(...)` or `.tolist()`",
        ) from error
    if not isinstance(name, str) or not name.isidentifier():
        raise BadInput(
            f"an offer must have the name of a parameter: {name!r}", hint='write `offers={"depth": 3}`, for example'
        )
