"""Temporary folders are deleted with their process, and those of killed processes by the next one."""

from __future__ import annotations

import os
import tempfile

import pytest

from workers.machine import scratch
from workers.machine.scratch import scratch_folder
from workers.paths import temporary_folder


@pytest.fixture(autouse=True)
def parent(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return temporary_folder()


def test_a_folder_is_deleted_with_all_that_is_in_it(parent):
    with scratch_folder() as folder:
        assert folder.parent == parent
        (folder / "inner").mkdir()
        (folder / "inner" / "file").touch()
    assert list(parent.iterdir()) == []


def test_what_killed_processes_left_is_deleted_and_nothing_else(parent):
    with scratch_folder() as held:
        abandoned, new, other = (parent / name for name in ("scratch-abandoned", "scratch-new", "checkpoints"))
        for folder in (abandoned, new, other):
            folder.mkdir()
        (abandoned / "file").touch()
        for folder in (held, abandoned, other):
            os.utime(folder, (0, 0))
        with scratch_folder():
            assert not abandoned.exists()
            assert all(folder.is_dir() for folder in (held, new, other))


@pytest.mark.parametrize("kind", ["link", "file"])
def test_without_a_folder_of_this_user_the_common_one_is_taken(parent, tmp_path, kind):
    (tmp_path / "elsewhere").mkdir()
    if kind == "link":
        parent.symlink_to(tmp_path / "elsewhere")
    else:
        parent.touch()
    with scratch_folder() as folder:
        assert folder.parent == tmp_path
        assert folder.name.startswith(scratch._PREFIX)
