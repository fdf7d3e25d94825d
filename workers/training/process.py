"""What is common to a whole process: imported code, threads, determinism. Every trial sets it up before it begins."""

from __future__ import annotations

import os

import torch

from workers.data.batches.share import WHOLE, BatchShare
from workers.data.source import Data
from workers.metrics.making import import_metric
from workers.models import NETWORKS
from workers.registry import is_own, load_function, load_own, lookup
from workers.training.trainer import Trainer
from workers.trial import Evaluation, Recipe, Task, Trial


def make_trainer(trial: Trial, data: Data, device: torch.device, share: BatchShare = WHOLE) -> Trainer:
    """A trainer for a process that is set up for its trial, whatever imported code has set."""
    import_code(trial.task)
    configure(trial.task.recipe)
    trainer = Trainer(trial, data, device, share)
    configure(trial.task.recipe)
    return trainer


def import_code(task: Task) -> None:
    """Import the network and the loss of a task. Raises InputError where that fails.

    What a module does at its top level happens once in a process, so it comes before anything is seeded or configured:
    otherwise it would reach only the first trial.
    """
    network, loss = task.network.name, task.recipe.loss
    load_function(lookup(NETWORKS, network, "network"), network)
    if is_own(loss):
        load_own(loss)


def import_metrics(evaluation: Evaluation) -> None:
    """Import what scores need, for the same reason. Raises InputError where that fails."""
    for metric in evaluation.metrics:
        import_metric(metric)


def configure(recipe: Recipe) -> None:
    """Set this process up for repeatable numbers, whatever other trials and imported code have set.

    It is cheap, and called whenever a trial begins or continues.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    if torch.get_num_threads() != recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)
    torch.use_deterministic_algorithms(recipe.deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # costs a tenth
    torch.backends.cudnn.enabled = True
    torch.backends.cudnn.benchmark = False
    torch.set_float32_matmul_precision("high" if recipe.precision == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = recipe.precision == "tf32"
