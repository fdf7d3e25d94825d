"""A search to which nothing happened, once for all tests of searches."""

from __future__ import annotations

import pytest

import prunesweep as ps
from tests.support.searches import ASKED, IN_PROCESS, SWEEP
from tests.support.stores import with_facts


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The folder of a search to which nothing happened, and how it went."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "tiny.yaml").write_text(SWEEP)
    return folder, ps.prune(folder / "tiny.yaml", folder / "store", options=IN_PROCESS, **ASKED)


@pytest.fixture
def folder(tmp_path, undisturbed):
    """A folder with the sweep file and a new store that knows the data and the network already."""
    (tmp_path / "tiny.yaml").write_text(SWEEP)
    with_facts(tmp_path / "store", undisturbed[0] / "store")
    return tmp_path
