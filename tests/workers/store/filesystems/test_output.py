"""Files that a person asks for."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from unittest import mock

import pytest

from workers.errors import InputError
from workers.store.filesystems.local import LocalFiles
from workers.store.filesystems.output import write_output


def test_folders_are_created_and_links_are_kept(tmp_path: Path) -> None:
    (tmp_path / "paper").mkdir()
    link = tmp_path / "table.tex"
    link.symlink_to(tmp_path / "paper" / "tables" / "table.tex")
    write_output(link, b"text")
    assert link.is_symlink()
    assert (tmp_path / "paper" / "tables" / "table.tex").read_bytes() == b"text"


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_output(pipe, b"text")
    reader.join(60)
    assert received == [b"text"]
    assert pipe.is_fifo()


def test_what_cannot_be_written_is_an_error_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name in ("file/t.csv", "file/folder/t.csv"):
        with pytest.raises(InputError, match=rf"cannot write `.*/{name}`: `.*/file` is a file, not a folder\n\nhint"):
            write_output(tmp_path / name, b"text")
    monkeypatch.setattr(LocalFiles, "write", mock.Mock(side_effect=OSError(errno.EROFS, "Read-only file system")))
    with pytest.raises(InputError, match=r"cannot write `.*/t\.csv`: Read-only file system\n\nhint: name a file"):
        write_output(tmp_path / "t.csv", b"text")
