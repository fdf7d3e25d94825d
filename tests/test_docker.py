"""The container image is built with what the code expects of it."""

from __future__ import annotations

import re
import shlex

from tests.support.places import ROOT
from workers.machine.device import HUGE_PAGES


def test_the_image_sets_the_tunables_that_training_processes_start_with():
    assert f"GLIBC_TUNABLES={HUGE_PAGES} " in (ROOT / "docker" / "Dockerfile").read_text()


def test_the_tasks_of_the_slurm_array_run_all_shards_with_options_that_exist(main, monkeypatch):
    script = (ROOT / "docker" / "slurm-array.sbatch").read_text()
    last_task, count = int(re.search(r"--array=1-(\d+)", script)[1]), int(re.search(r"^COUNT=(\d+)$", script, re.M)[1])
    assert last_task == count
    [command] = re.findall(r"^exec srun prunesweep (.*)$", script, re.M)
    values = {
        "$1": "missing.yaml",
        "$2": "store",
        "$SLURM_ARRAY_TASK_ID": "16",
        "$COUNT": "16",
        "$SLURM_CPUS_PER_TASK": "4",
    }
    for name, value in values.items():
        assert name in command
        command = command.replace(name, value)
    code, _, stderr = main(*shlex.split(command))
    assert (code, "cannot read `missing.yaml`" in stderr) == (2, True)
