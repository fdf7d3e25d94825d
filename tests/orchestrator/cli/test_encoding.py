"""Terminals and files whose encoding does not have every character."""

from __future__ import annotations

import io
import sys

from orchestrator import cli


def test_what_an_encoding_does_not_have_is_escaped(monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(cli, "app", lambda args: print("✘ 4×"))
    cli.main()
    assert stdout.buffer.getvalue() == b"\\u2718 4\xd7\n"
