"""Setting aside a part of the examples as a test set, the same on every machine."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from workers.data.files.damage import listed
from workers.errors import InputError
from workers.text import several

_EXAMPLE = "write it as `split: {test: 20%, seed: 0}`"


def split_test(
    names: Sequence[str], labels: Sequence[int], split: Mapping[str, Any], noun: str = "image"
) -> tuple[list[int], list[int]]:
    """Ascending indices of the training and of the test examples; every class has the same share of test examples.

    `split` has `test` (a share) and `seed` (0 by default). Which examples are taken is a function of the seed and
    their names, so that adding some moves few others. `noun` is what an example is called. Raises InputError for a
    share that a class cannot give.
    """
    share, seed = _parse(split)
    members: dict[int, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        members[label].append(index)
    test: list[int] = []
    lacking = []
    for indices in members.values():
        count = max(1, round(len(indices) * share))
        if count >= len(indices):
            lacking.append(names[indices[0]])
        test += sorted(indices, key=lambda index: _rank(seed, names[index]))[:count]
    if lacking:
        raise InputError(
            f"`split: {{test: {split['test']}}}` leaves no training {several(noun)} of the classes with these "
            f"{several(noun)}:\n"
            f"{listed(lacking)}",
            hint=f"use a smaller share; a class needs at least 2 {several(noun)}",
        )
    chosen = set(test)
    return [index for index in range(len(names)) if index not in chosen], sorted(test)


def check_one_way(arguments: Mapping[str, object]) -> None:
    """Raise InputError if more than one of some arguments says which images are the test set."""
    given = [f"`{name}`" for name, value in arguments.items() if value is not None]
    if len(given) > 1:
        raise InputError(f"{given[0]} cannot be combined with {given[1]}", hint="keep one of them")


def _parse(split: Mapping[str, Any]) -> tuple[Fraction, int]:
    if not isinstance(split, Mapping):
        raise InputError(f"`split` must be a mapping with `test` and `seed`: {split}", hint=_EXAMPLE)
    unknown = [str(key) for key in split if key not in ("test", "seed")]
    if unknown or "test" not in split:
        problem = f"does not take `{unknown[0]}`" if unknown else "needs `test`"
        raise InputError(f"`split` {problem}", hint=_EXAMPLE)
    share, seed = _share(split["test"]), split.get("seed", 0)
    if share is None or not 0 < share < 1:
        raise InputError(f"`split.test` must be a share above 0% and below 100%: {split['test']}", hint=_EXAMPLE)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise InputError(f"`split.seed` must be a whole number: {seed}", hint=_EXAMPLE)
    return share, seed


def _share(value: object) -> Fraction | None:
    text = str(value).strip()
    try:
        return Fraction(text[:-1].strip()) / 100 if text.endswith("%") else Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}|{name}".encode(errors="surrogateescape")).digest()
