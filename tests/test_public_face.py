"""`import prunesweep as ps`: what it offers, and how little it brings in."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import prunesweep as ps


def test_the_public_names_are_those_declared():
    assert all(getattr(ps, name) is not None for name in ps.__all__)
    assert set(ps.__all__) < set(dir(ps))
    with pytest.raises(AttributeError, match="no attribute `tabel`"):
        ps.tabel  # noqa: B018


def test_type_checkers_are_told_of_the_names_that_are_imported_lazily():
    tree = ast.parse(Path(ps.__file__).read_text("utf-8"))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    homes = {
        alias.asname or alias.name: f"{node.module}:{alias.name}" if alias.asname else node.module
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert homes == ps._HOMES
    assert sorted(homes) == sorted(ps.__all__)


def test_no_module_hides_a_public_name():
    modules = {path.stem for path in Path(ps.__file__).parent.iterdir()}
    assert not modules & set(ps.__all__)


def test_importing_it_brings_in_nothing_heavy():
    program = "import prunesweep as ps, sys; ps.load; print({'torch', 'ray', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_version_is_that_of_the_installed_package():
    assert ps.__version__ == importlib.metadata.version("prunesweep")
