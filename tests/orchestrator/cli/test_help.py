"""The help of every command shows all that its texts say."""

from __future__ import annotations

import re

import pytest
import typer

from orchestrator.cli import app

COMMANDS = typer.main.get_command(app).commands


def shown(text):
    """Words of a text as they survive boxes and line breaks: letters, digits and punctuation without blanks."""
    return re.sub(r"[\s│╭╮╰╯─]", "", re.sub(r"\x1b\[[0-9;]*m", "", text))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_texts_lose_nothing_to_markup(name, main, monkeypatch):
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("TERMINAL_WIDTH", "400")
    code, stdout, _ = main(name, "--help")
    assert code == 0
    command = COMMANDS[name]
    texts = [command.help, *(parameter.help for parameter in command.params if not getattr(parameter, "hidden", False))]
    for text in filter(None, texts):
        assert shown(text) in shown(stdout), text
