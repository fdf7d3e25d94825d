"""A shard: one part of a sweep that several drivers of a store share, such as the third of sixteen."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workers.errors import InputError

MOST = 9999
"""The most parts that a sweep is divided into."""

_SHARD = re.compile(r"(\d{1,6})/(\d{1,6})")


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """The `number`-th part, counted from 1, of `count`."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that a text such as `3/16` names. Raises InputError."""
        match = _SHARD.fullmatch(text.strip())
        if match is None:
            raise InputError(f"`--shard` must be a part and a count: `{text}`", hint="write `3/16`, the third of 16")
        shard = cls(int(match[1]), int(match[2]))
        if not 1 <= shard.number <= shard.count <= MOST:
            raise InputError(
                f"`--shard` must name one of at most {MOST:,} parts: `{text}`",
                hint="parts are counted from 1: the last of 16 is `16/16`",
            )
        return shard
