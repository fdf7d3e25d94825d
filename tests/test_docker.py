"""The container image is built with what the code expects of it."""

from __future__ import annotations

from tests.support.places import ROOT
from workers.machine.device import HUGE_PAGES


def test_the_image_sets_the_tunables_that_training_processes_start_with():
    assert f"GLIBC_TUNABLES={HUGE_PAGES} " in (ROOT / "docker" / "Dockerfile").read_text()
