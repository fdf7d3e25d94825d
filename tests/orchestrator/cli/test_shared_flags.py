"""One flag has one meaning and one default in all commands that read results, and one name in Python and the docs."""

from __future__ import annotations

import inspect
import re

import pytest
import typer

import prunesweep as ps
from orchestrator.cli import app
from tests.support.places import ROOT

READING = ("table", "compare", "headline", "export", "report")
COMMANDS = typer.main.get_command(app).commands
IN_PYTHON = {"--all": "retired", "--only": "filters"}
PRINTING = {"--network", "--schedule", "--compact", "--format", "--json", "--label", "--caption", "--to", "--output"}


def options(command):
    named = {parameter.opts[0]: parameter for parameter in COMMANDS[command].params}
    return {name: option for name, option in named.items() if name.startswith("--")}


def test_a_flag_means_the_same_in_every_command():
    meanings = {}
    for command in READING:
        types = inspect.signature(COMMANDS[command].callback).parameters
        for name, option in options(command).items():
            if name not in ("--to", "--output"):
                meaning = (types[option.name].annotation, option.help, option.default, option.opts)
                assert meanings.setdefault(name, meaning) == meaning, (command, name)


@pytest.mark.parametrize("command", ["table", "compare", "headline", "report"])
def test_functions_take_the_names_and_defaults_of_flags(command):
    parameters = inspect.signature(getattr(ps, command)).parameters
    for name, option in options(command).items():
        if name not in PRINTING:
            parameter = parameters[IN_PYTHON.get(name, name[2:].replace("-", "_"))]
            assert parameter.default == ("fine_tuning" if name == "--baseline" else option.default), name


def test_the_docs_say_which_commands_have_a_flag():
    lines = (ROOT / "docs" / "results.md").read_text("utf-8").splitlines()
    said = {}
    for line in lines:
        if line.startswith("| `-"):
            flags, *_, commands = re.split(r" \| ", line.strip("| "))
            for flag in re.findall(r"`(--[\w-]+)`", flags):
                said[flag] = set(READING) if commands == "all" else set(commands.split(", "))
    had = {}
    for command in READING:
        for name in options(command):
            had.setdefault(name, set()).add(command)
    assert said.pop("--where") == set(READING)  # the second name of `--only`
    elsewhere = {"--figures", "--to", "--output"}
    assert said == {name: commands for name, commands in had.items() if name not in elsewhere}
