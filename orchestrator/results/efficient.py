"""The Pareto front, for figures and pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

_Member = TypeVar("_Member")


def efficient(
    members: Iterable[_Member], cost: Callable[[_Member], float], height: Callable[[_Member], float]
) -> list[_Member]:
    """The members whose height no other one reaches at the same cost or less, by cost."""
    front: list[_Member] = []
    for member in sorted(members, key=lambda member: (cost(member), -height(member))):
        if not front or height(member) > height(front[-1]):
            front.append(member)
    return front
