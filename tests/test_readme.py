"""The pages say what is true: sweep files load, links lead somewhere, commands exist and print what is shown."""

import re

import pytest
from typer.main import get_command

from orchestrator.cli import app
from orchestrator.presets import preset
from orchestrator.sweep.spec import parse_spec
from tests.support.places import ROOT

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("C*.md")), *sorted((ROOT / "docs").glob("*.md"))]
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
    commands = get_command(app).commands
    text = page.read_text("utf-8")
    blocks = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    for line in [
        *re.findall(r"^(?:\$ )?prunesweep (.*)$", blocks, re.M),
        *re.findall(r"`prunesweep ([a-z][^`\n]*)`", text),
    ]:
        words = line.split("#")[0].split()
        assert words[0] in commands, line
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= flags_of(commands[words[0]]), line


def flags_of(command):
    """The flags that a command takes."""
    return {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}


def test_the_mistake_in_a_sweep_file_is_reported_as_printed(main, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = preset("digits").text.replace("compression: [4, 8, 16, 32]", "compression: [4, 0.5]")
    (tmp_path / "my-sweep.yaml").write_text(text)
    assert main("plan", "my-sweep.yaml") == (2, "", block("$ prunesweep plan my-sweep.yaml\n"))


def test_the_headline_of_the_paper_is_as_printed(main):
    code, stdout, _ = main("headline", "renda2020", "--network", "resnet50")
    assert (code, block("grid [its largest]") in stdout) == (0, True)


def block(start):
    """The code block of the README that begins with some text, after the command in it if it has one."""
    (text,) = [text for text in re.findall(r"```\w+\n(.*?)```", README, re.DOTALL) if text.startswith(start)]
    return text.removeprefix(start) if start.startswith("$") else text
