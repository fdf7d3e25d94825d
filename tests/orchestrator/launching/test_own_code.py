"""Which of the user's own modules travel with a job."""

from __future__ import annotations

import os

import pytest

from orchestrator.launching.own_code import code_in
from tests.support.closed import close
from workers.errors import InputError

OWN = {
    "models/__init__.py": "from .blocks import block",
    "models/blocks.py": "import helper\nfrom ... import above",
    "models/v1.0/old.py": "import unused",
    "helper.py": "import torch, shared.losses, workers, absent",
    "my-script.py": "import unused",
    "shared/losses.py": "",
    "unused/large.py": "",
    "workers/own.py": "",
}


def write(folder):
    for name, text in OWN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_the_code_of_a_sweep_is_what_it_may_import_from_the_folder(tmp_path):
    write(tmp_path)
    (tmp_path / "lost.py").symlink_to("nowhere")
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "models" / "pipe.py")
    files = code_in(tmp_path, ["models"])
    assert list(files) == ["helper.py", "models/__init__.py", "models/blocks.py", "shared/losses.py"]
    assert files["helper.py"] == tmp_path / "helper.py"


@pytest.mark.parametrize("closed", [".", "models", "shared/inner"])
def test_code_that_cannot_be_listed_is_refused_and_not_left_out(tmp_path, monkeypatch, closed):
    write(tmp_path)
    (tmp_path / "shared/inner").mkdir()
    close(monkeypatch, tmp_path / closed)
    with pytest.raises(InputError, match=f"cannot list the modules in `{tmp_path / closed}`: Permission denied"):
        code_in(tmp_path, ["models"])


@pytest.mark.parametrize("closed", ["unused", "models/v1.0"])
def test_a_folder_that_is_not_part_of_the_code_may_be_closed(tmp_path, monkeypatch, closed):
    write(tmp_path)
    close(monkeypatch, tmp_path / closed)
    assert "models/blocks.py" in code_in(tmp_path, ["models"])
