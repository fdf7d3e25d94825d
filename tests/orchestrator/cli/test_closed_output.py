"""`prunesweep table | head -1`: a reader that stops early ends a command silently."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from orchestrator import cli
from tests.support.records import cell, dense_cell, make_store, record_of


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    cells = [dense_cell(), cell(technique="lr_rewinding")]
    folder = tmp_path_factory.mktemp("store")
    make_store(folder, cells, [record_of(place) for place in cells])
    return str(folder)


def closed_pipe():
    """A stream for text that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return open(writer, "w", encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [["list", "techniques"], ["--version"], ["--help"], ["run", "--help"], ["table", "STORE"], ["status", "STORE"]],
)
def test_a_closed_output_ends_silently(words, store, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["prunesweep", *(store if word == "STORE" else word for word in words)])
    monkeypatch.setattr(sys, "stdout", closed_pipe())
    with pytest.raises(SystemExit) as end:
        cli.main()
    sys.stdout.close()  # as Python does at its end
    assert (end.value.code, capsys.readouterr().err) == (141, "")


def test_closed_messages_end_silently(tmp_path, monkeypatch):
    """As in `prunesweep table nowhere 2>&1 | head`."""
    monkeypatch.setattr(sys, "argv", ["prunesweep", "table", str(tmp_path / "nowhere")])
    with closed_pipe() as closed:
        closed.reconfigure(line_buffering=True)
        monkeypatch.setattr(sys, "stderr", closed)
        with pytest.raises(SystemExit) as end:
            cli.main()
    assert end.value.code == 141


def test_a_stream_that_is_closed_from_the_start_leads_nowhere_for_the_command_and_its_children():
    program = (
        "import os, sys; from prunesweep.__main__ import _open_closed_streams as open_closed_streams;"
        "open_closed_streams(); print('lost'); numbers = [sys.stdin.fileno(), sys.stdout.fileno()];"
        "print(numbers, [os.get_inheritable(number) for number in numbers], file=sys.stderr)"
    )
    command = ["sh", "-c", 'exec "$0" -c "$1" <&- >&-', sys.executable, program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "[0, 1] [True, True]\n")
