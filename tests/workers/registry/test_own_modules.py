"""Modules of the user's own that have the name of something else: refused by name, never replaced silently."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.places import ROOT
from workers.errors import InputError
from workers.registry import load_own
from workers.registry.fresh_modules import add_import_folder, import_afresh
from workers.registry.own_modules import check_not_hidden


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def write(folder: Path, **modules: str) -> None:
    """Files by dotted name, with `__` for the dot."""
    for name, code in modules.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)


def test_the_folder_comes_last_and_only_once(folder: Path) -> None:
    before = [*sys.path]
    add_import_folder(str(folder))
    add_import_folder(str(folder / "." / ".." / folder.name))
    assert sys.path == [*before, str(folder)]


@pytest.mark.parametrize("first", ["", "absolute"])
def test_a_folder_that_python_searches_already_is_not_added(folder: Path, first: str) -> None:
    sys.path.insert(0, str(folder) if first else "")
    before = [*sys.path]
    add_import_folder(str(folder))
    assert sys.path == before


@pytest.mark.parametrize("module", ["workers.nets", "orchestrator.nets", "random", "yaml"])
def test_a_module_that_something_else_hides_is_refused_by_name(folder: Path, module: str) -> None:
    write(folder, **{module.replace(".", "__"): "def build(): ..."})
    message = f"cannot import `{module}`: another module of that name hides it: "
    with pytest.raises(InputError, match=message) as raised:
        load_own(f"{module}:build")
    assert raised.value.hint == f"rename `{module.partition('.')[0]}` in `{folder}`"


@pytest.mark.parametrize(
    "code",
    [
        "from workers.nets import build",
        "from workers import nets",
        "import workers.nets as nets",
        "def build():\n    from workers.nets import build",
        "from own_helpers import build",
    ],
)
def test_a_network_file_that_needs_a_package_of_ones_own_is_refused(folder: Path, code: str) -> None:
    write(folder, workers__nets="def build(): ...", own_helpers="import workers.nets", own_nets=code)
    with pytest.raises(InputError, match=r"it imports `workers.*`, which a package of prunesweep hides: ") as raised:
        load_own("own_nets:build")
    assert raised.value.hint == f"rename `workers` in `{folder}`"


def test_relative_imports_lead_into_the_package(folder: Path) -> None:
    write(
        folder, workers__nets="", own_package__blocks="import workers.nets", own_package__model="from . import blocks"
    )
    with pytest.raises(InputError, match=r"it imports `workers.nets`"):
        check_not_hidden("own_package.model", str(folder))
    check_not_hidden("own_package", str(folder))


@pytest.mark.parametrize(
    "code", ["", "import random", "from workers.data.images import Images", "from . import nothing", "syntax error"]
)
def test_what_needs_nothing_of_it_is_not_refused(folder: Path, code: str) -> None:
    write(folder, workers__nets="", random="", own_nets=code)
    check_not_hidden("own_nets", str(folder))


def test_the_folder_of_prunesweep_itself_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    check_not_hidden("workers.models.mlp", str(ROOT))
    check_not_hidden("tests.support.tiny", str(ROOT))


def test_a_package_that_is_nowhere_near_is_explained(folder: Path) -> None:
    write(folder, own_nets_two="import workers.nets")
    with pytest.raises(InputError) as raised:
        load_own("own_nets_two:build")
    assert raised.value.hint == "`workers` is a package of prunesweep: give yours another name"


def test_a_run_in_another_folder_imports_the_modules_of_that_folder(folder: Path, monkeypatch) -> None:
    for name in ("one", "two"):
        write(
            folder, **{f"{name}__shared_name": f"import shared_helper\nbuild = lambda: shared_helper.NAME + '{name}'"}
        )
        write(folder, **{f"{name}__shared_helper": f"NAME = '{name} '"})
    for name in ("one", "two", "one"):
        monkeypatch.chdir(folder / name)
        import_afresh(str(folder / name))
        assert load_own("shared_name:build")() == f"{name} {name}"
    assert [entry for entry in sys.path if entry.startswith(str(folder))] == [str(folder / "one")]


def test_a_run_imports_the_modules_of_its_folder_again_if_a_file_has_changed(folder: Path) -> None:
    write(folder, changing="import changing_helper\nbuild = lambda: changing_helper.VALUE", changing_helper="VALUE = 1")
    import_afresh(str(folder))
    first = load_own("changing:build")
    import_afresh(str(folder))
    assert load_own("changing:build") is first  # nothing has changed
    write(folder, changing_helper="VALUE = 20")
    assert load_own("changing:build") is first  # not during a run
    import_afresh(str(folder))
    assert load_own("changing:build")() == 20


def test_a_module_whose_name_begins_like_a_package_of_prunesweep_is_imported_again_too(folder: Path) -> None:
    write(folder, prunesweep_networks="build = lambda: 1")
    import_afresh(str(folder))
    assert load_own("prunesweep_networks:build")() == 1
    write(folder, prunesweep_networks="build = lambda: 200")
    import_afresh(str(folder))
    assert load_own("prunesweep_networks:build")() == 200
