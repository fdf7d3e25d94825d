"""What tests of several folders share."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture
def main(monkeypatch, capsys):
    """Exit code, stdout and stderr of `prunesweep ...`, called in this process."""
    from orchestrator import cli

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["prunesweep", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def elsewhere(tmp_path):
    """A folder outside a store, with a file in it."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "file").write_bytes(b"of somebody else")
    return folder
