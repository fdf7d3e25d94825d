"""A store with everything that the page shows, and its page."""

from __future__ import annotations

import pytest

from orchestrator.results.page.source import open_source
from orchestrator.results.page.write import page
from tests.support.html import parse
from tests.support.report_store import build


@pytest.fixture(scope="package")
def store(tmp_path_factory):
    return build(tmp_path_factory.mktemp("report") / "runs")


@pytest.fixture(scope="package")
def text(store):
    return page(open_source(store.location)).replace(store.location, "runs")


@pytest.fixture(scope="package")
def tree(text):
    return parse(text)
