"""Modules of the user's own, in tests."""

from __future__ import annotations

from collections.abc import Callable

Write = Callable[[str], str]
"""Writes a module into the current directory and returns its name."""
