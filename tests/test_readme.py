"""The README says what is true: its sweep file loads, its links lead somewhere, its commands exist."""

import re
from typing import get_type_hints

import pytest

from orchestrator.cli import app
from orchestrator.presets import preset
from orchestrator.sweep.spec import parse_spec
from tests.support.places import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text("utf-8")


def test_the_first_sweep_file_of_the_readme_is_the_one_that_init_writes():
    text, _ = re.findall(r"```yaml\n(version: 1.*?)```", README, re.DOTALL)
    ours, written = parse_spec(text).canonical(), parse_spec(preset("digits").text).canonical()
    del written["description"]
    assert ours == written


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_flags_exist(page):
    known = {command.name or command.callback.__name__: command.callback for command in app.registered_commands}
    text = page.read_text("utf-8")
    blocks = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    for line in [
        *re.findall(r"^(?:\$ )?prunesweep (.*)$", blocks, re.M),
        *re.findall(r"`prunesweep ([a-z][^`\n]*)`", text),
    ]:
        words = line.split("#")[0].split()
        assert words[0] in known, line
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= flags_of(known[words[0]]), line


def flags_of(command):
    """The flags that typer gives a command."""
    hints = get_type_hints(command, include_extras=True).values()
    options = [extra for hint in hints for extra in getattr(hint, "__metadata__", ())]
    # typer takes the first flag for a default until the command is first called
    return {flag for option in options for flag in (option.default, *(option.param_decls or ())) if flag is not None}
