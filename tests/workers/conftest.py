"""Every test of a worker starts like a trial on the CPU: one thread, and no random state from the test before."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def single_threaded_torch() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
