"""Run every preset at a tiny scale, through the code of the full ones: exits with 1 where a cell of one is not done.

Images, their number and the batch are smaller still than what `--scale` gives, so that a CPU takes minutes.
"""

from __future__ import annotations

import sys
import tempfile
import time

import orchestrator as ps
from orchestrator.presets import Choice, presets
from orchestrator.sweep.spec import SweepSpec, spec_from_dict
from orchestrator.sweep.yaml_source import read_yaml
from workers.store.store import Store

BATCH = 8
QUICK = ("digits", "resnet20-one-shot", "resnet20-iterative", "resnet56-structured-b")


def tiny(name: str, folder: str | None = None) -> SweepSpec:
    """A preset with trainings of about ten steps, on made-up images or, one of ImageNet, on those in a folder."""
    scale = "0.1" if name == "digits" else "0.0001"
    choice = Choice(name=name, scale=scale, data=folder, stand_in=None if folder else "synthetic", cpu=True)
    sweep = read_yaml(choice.text().encode(), name).data
    recipe, images = sweep["recipe"], sweep["dataset"]
    fewer = recipe["batch_size"] // BATCH  # images in a batch and in all, so that an epoch has as many steps
    recipe["batch_size"] = BATCH
    images |= {"train_images": max(1, images["train_images"] // fewer), "test_images": 36}
    if folder:
        images |= {"image_size": 32, "workers": 0}
    else:
        images["size"] = 8 if sweep["network"] in ("resnet20", "resnet56", "resnet110") or name == "digits" else 32
    return spec_from_dict(sweep)


def two_budgets(spec: SweepSpec) -> str:
    """A rewind point on the way and one at the beginning, with every technique and ratio."""
    return "budget=" + "|".join(sorted({str(budget) for grid in spec.grids for budget in grid.budgets[-2:]}))


def main() -> None:
    quick = "--quick" in sys.argv[1:]
    failed = False
    print(f"{'preset':24}{'cells':>7}{'trials':>8}{'seconds':>9}  ok")
    for name in QUICK if quick else presets():
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory() as store:
            options = ps.RunOptions(in_process=True, quiet=True)
            spec = tiny(name)
            summary = ps.run(spec, f"{store}/store", only=two_budgets(spec), options=options)
            trials = len({record.trial for record in Store(f"{store}/store").record_keys()})
        seconds = time.perf_counter() - begin
        failed |= summary.exit_code != 0
        verdict = f"NO: {summary.cells_done} cells, {summary.outcomes}" if summary.exit_code else "yes"
        print(f"{name:24}{summary.cells:>7}{trials:>8}{seconds:>9.1f}  {verdict}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
