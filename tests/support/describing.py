"""Data and networks inspected in the tests' own process, where another one would take seconds to import torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from orchestrator.planning import facts, probe


@contextmanager
def described_here() -> Iterator[None]:
    """In the block, `workers.describe` answers in this process, and rehearses once instead of in two processes."""
    with mock.patch.object(facts, "describe_apart", _answers), mock.patch.object(probe, "describe_apart", _answers):
        yield


def _answers(requests: list[dict[str, Any]], *_: str) -> list[dict[str, Any]]:
    from workers.describe.answers import answer

    return [answer(request) for request in requests]
