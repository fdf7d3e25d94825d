"""What a record says of a stop, in parts: see `workers.store.record` for its columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from workers.data.batches.structure import tensors
from workers.data.source import Data
from workers.machine.generators import seed_generators
from workers.machine.provenance import provenance
from workers.models import NETWORKS
from workers.registry import load_function, lookup
from workers.seeds import seed
from workers.training import cost
from workers.training.evaluation import Scores, evaluate
from workers.training.trainer import Trainer
from workers.trial import ACCURACY, Job, Metric, Trial, canonical


def make_record(job: Job, trainer: Trainer, data: Data, digest: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Evaluate the network as it stands, which has the state `digest`.

    Returns a record without its times, and the detail that is stored with it: the number of all parameters, prunable
    or not, layers and learning curve.
    """
    seed_generators(seed(job.trial.replicate, job.trial.stage, "evaluation", trainer.step))
    scores = evaluate(trainer.model, data, trainer.recipe, job.evaluation, trainer.whole_batches())
    costs = _costs_of(trainer, data)
    layers = _layers(trainer, costs)
    record = {
        **_stop(job, trainer),
        **_lineage(job.trial),
        **_learning(trainer, job.evaluation.metrics[0]),
        **_scores(scores),
        **_weight_counts(layers),
        **_cost_columns(costs, layers),
        **_digests(trainer, digest),
        "metric_signature": scores.signature,
        "settings": json.dumps(canonical(job.trial), sort_keys=True),
        "attempts": trainer.history.attempts,
        **provenance(trainer.device, trainer.share.ranks),
    }
    detail = {
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
        "layers": [layer._asdict() for layer in layers],
        "curve": trainer.history.curve,
    }
    return record, detail


class _LayerDetail(NamedTuple):
    """A prunable parameter: its name, how many weights it has and keeps, and what it costs dense, for one example."""

    layer: str
    weights: int
    kept: int
    multiply_adds: float | None


def _layers(trainer: Trainer, costs: cost.Costs) -> list[_LayerDetail]:
    kept = {name: int(mask.sum()) for name, mask in trainer.masks.items()}
    return [
        _LayerDetail(name, weight.numel(), kept.get(name, weight.numel()), costs.of_layer(name))
        for name, weight in trainer.weights.items()
    ]


def _stop(job: Job, trainer: Trainer) -> dict[str, Any]:
    return {
        "trial": trainer.id,
        "step": trainer.step,
        "evaluation": job.evaluation.key,
        "stage": job.trial.stage,
        "replicate": job.trial.replicate,
        "epochs": trainer.epochs,
    }


def _lineage(trial: Trial) -> dict[str, Any]:
    mask_stop = trial.mask.source if trial.mask else None
    return {
        "start_trial": trial.start.trial if trial.start else None,
        "start_step": trial.start.step if trial.start else None,
        "mask_trial": mask_stop.trial if mask_stop else None,
        "mask_step": mask_stop.step if mask_stop else None,
    }


def _learning(trainer: Trainer, metric: Metric) -> dict[str, Any]:
    """The last learning rate, and the last complete epoch's point of the learning curve, which has no other metric."""
    point = trainer.history.curve[-1] if trainer.history.curve else {}
    return {
        "learning_rate": trainer.learning_rate,
        "train_loss": point.get("train_loss"),
        "train_score": point.get("train_accuracy") if metric.name == ACCURACY else None,
    }


def _scores(scores: Scores) -> dict[str, Any]:
    """The primary metric and its scores, the losses, and the scores of the other metrics."""
    rows = [
        {
            "metric": metric.name,
            "metric_unit": metric.unit,
            "higher_is_better": metric.higher_is_better,
            "validation_score": validation,
            "test_score": test,
        }
        for metric, validation, test in zip(scores.metrics, scores.validation.scores, scores.test.scores, strict=True)
    ]
    return {
        **rows[0],
        "other_scores": rows[1:] or None,
        "validation_loss": scores.validation.loss,
        "validation_examples": scores.validation.examples,
        "test_loss": scores.test.loss,
        "test_examples": scores.test.examples,
    }


def _weight_counts(layers: Sequence[_LayerDetail]) -> dict[str, Any]:
    prunable = sum(layer.weights for layer in layers)
    kept = sum(layer.kept for layer in layers)
    return {
        "prunable_weights": prunable,
        "kept_weights": kept,
        "achieved_density": kept / prunable
        if prunable
        else 1.0,  # of a dense network without layers to prune by default
        "collapsed_layers": sum(layer.kept == 0 for layer in layers),
    }


def _cost_columns(costs: cost.Costs, layers: Sequence[_LayerDetail]) -> dict[str, Any]:
    densities = {layer.layer: layer.kept / layer.weights for layer in layers}
    sparse_multiply_adds, sparse_paper_flops = cost.sparse(costs, densities)
    return {
        "multiply_adds": costs.multiply_adds,
        "sparse_multiply_adds": sparse_multiply_adds,
        "paper_flops": costs.paper_flops,
        "sparse_paper_flops": sparse_paper_flops,
    }


def _digests(trainer: Trainer, digest: str) -> dict[str, Any]:
    return {
        "state_digest": digest,
        "start_digest": trainer.history.start_digest,
        "mask_digest": trainer.history.mask_digest,
    }


_counted: dict[tuple[str, Callable[..., Any]], cost.Costs] = {}


def _costs_of(trainer: Trainer, data: Data) -> cost.Costs:
    """What the network costs, counted once in a process for each function that builds one."""
    network = trainer.trial.task.network
    function = load_function(lookup(NETWORKS, network.name, "network"), network.name)
    inputs, _ = data.facts.sample(1)
    shapes = [tuple(tensor.shape) for tensor in tensors(inputs)]
    key = json.dumps([canonical(network), shapes, canonical(data.facts.offers)]), function
    if key not in _counted:
        _counted[key] = cost.costs(trainer.model, inputs)
    return _counted[key]
