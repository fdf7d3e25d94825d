"""The command line, called in this process."""

from __future__ import annotations

import sys

import pytest

from orchestrator import cli


@pytest.fixture
def main(monkeypatch, capsys):
    """Exit code, stdout and stderr of `prunesweep ...`."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["prunesweep", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return call
