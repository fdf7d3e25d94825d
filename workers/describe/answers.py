"""The facts that a plan needs and that only torch or the data can tell.

`python -m workers.describe` reads `{"requests": [...], "answers": path, "parent": process id}` from stdin and writes a
JSON list of answers to that path, so that planning imports no torch; stdout is for whatever the user's code prints. It
ends with that parent. A request is `{"dataset", "network", "recipe", "pruning"}`, each in its canonical form
(`workers.trial.canonical`), and optionally `"pretrained"`, paths of weights, and `"rehearsal"`, the `evaluation` and
`device` of trials (or, to measure them instead, `"probe"` with the same: see `workers.describe.probe`); its answer is
`{"facts": {"dataset": ..., "network": ..., "pretrained": {path: checksum}}}` or
`{"error": message, "hint": hint, "about": part}`, where the part is a key of the request, `optimizer` or `evaluation`.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from workers.data import DATASETS
from workers.data.batches.structure import Values, call
from workers.data.image_facts import ImageFacts
from workers.data.loading import load_facts
from workers.data.source import DataFacts
from workers.describe import probe
from workers.describe.pruning_check import check_pruning
from workers.describe.refusal import refusal
from workers.describe.rehearsal import Rehearsal, rehearse
from workers.describe.second_process import check_other_process, rehearsing_elsewhere
from workers.errors import BadInput, InputError, PrunesweepError, about
from workers.machine.kind import kind_of_machine
from workers.machine.parent import end_with_parent
from workers.metrics import METRICS
from workers.metrics.judge import Judge
from workers.models import NETWORKS
from workers.models.batch_norm_groups import has_batch_norm
from workers.models.build import build, prunable
from workers.models.left_out import left_out
from workers.registry import described, is_own, load_function, load_own, lookup
from workers.techniques import own
from workers.training.cost import costs
from workers.training.losses import check_loss
from workers.training.optimizing.optimizers import make_optimizer
from workers.training.process import configure
from workers.training.states.pretrained import describe_weights
from workers.trial import Dataset, Metric, Network, Pruning, Recipe


def describe_network(
    network: Network, facts: DataFacts, recipe: Recipe, pruning: Pruning, metrics: Sequence[Metric] = ()
) -> dict[str, Any]:
    """What a network is and costs under a recipe. `metrics` are tried on it, unless they need the network.

    `prunable` ([parameter name, weights] of each layer, in order), `layers` (name, shape, weights and multiply-adds
    of each), `batch_norm` (whether it has any), `left_out` (the same of the other parameters, and the `reason`),
    `parameters` (a number), `buffer_bytes`, `checkpoint_bytes` (parameters, buffers, the optimizer's state after a
    step and one byte per weight for masks; file headers excluded), and, of one example, `multiply_adds` and
    `paper_flops`, None if there are `uncounted` operations. Raises InputError or BadInput for an impossible network,
    recipe, metric or pruning.
    """
    _import_own(network, recipe)
    configure(recipe)  # whatever the modules have set
    with about("network"):
        module = build(network, facts, recipe, 0, "dense")
    with about("optimizer"):
        optimizer = make_optimizer(recipe, module)
    outputs, targets = _tried(module, facts)
    with about("recipe"):
        check_loss(recipe, outputs, targets)
    for metric in metrics:
        if not METRICS[metric.name].needs_network:
            Judge(metric).update(module, None, outputs, targets)
    with about("pruning" if pruning.exclude or pruning.include else "network"):  # else nobody wrote a pattern
        weights = prunable(module, pruning.exclude, pruning.include)
    with about("pruning"):
        check_pruning(network, recipe, pruning, facts)
    cost = costs(module, facts.sample(1)[0])
    parameters = list(module.parameters())
    buffer_bytes = sum(buffer.nbytes for buffer in module.buffers())
    state_bytes = sum(parameter.nbytes for parameter in parameters) + buffer_bytes
    return {
        "prunable": [[name, weight.numel()] for name, weight in weights.items()],
        "layers": [
            {
                "name": name,
                "shape": list(weight.shape),
                "weights": weight.numel(),
                "multiply_adds": cost.of_layer(name),
            }
            for name, weight in weights.items()
        ],
        "left_out": [
            dataclasses.asdict(row) | {"multiply_adds": cost.of_layer(row.name)}
            for row in left_out(module, pruning.exclude, pruning.include)
        ],
        "batch_norm": has_batch_norm(module),
        "parameters": sum(parameter.numel() for parameter in parameters),
        "buffer_bytes": buffer_bytes,
        "checkpoint_bytes": state_bytes + _optimizer_bytes(optimizer) + sum(w.numel() for w in weights.values()),
        "multiply_adds": cost.multiply_adds,
        "paper_flops": cost.paper_flops,
        **({"uncounted": list(cost.uncounted)} if cost.uncounted else {}),
    }


def _import_own(network: Network, recipe: Recipe) -> None:
    with about("network"):
        load_function(lookup(NETWORKS, network.name, "network"), network.name)
    with about("recipe"):
        if is_own(recipe.loss):
            load_own(recipe.loss)


def _tried(network: nn.Module, facts: DataFacts) -> tuple[Any, Values]:
    """Outputs and targets of two examples; logits 0 in place of outputs for images, of which more is known."""
    inputs, targets = facts.sample(2)
    if isinstance(facts, ImageFacts):
        return torch.zeros((2, facts.classes), requires_grad=True), targets
    return call(copy.deepcopy(network), inputs), targets


def check_augmentation(dataset: Dataset, recipe: Recipe, streams: bool) -> None:
    """Raise InputError for an augmentation that a data set cannot have; `streams` if its images may stay in files."""
    if recipe.random_resized_crop and not streams:
        names = ", ".join(name for name, entry in DATASETS.items() if entry.streams)
        raise InputError(
            f"`random_resized_crop` needs images that stream from files, but those of `{dataset.name}` are in memory",
            hint=f"use `crop_padding`, or a data set that streams: {names}",
        )


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request: `{"facts": ...}`, or `{"error": ..., "hint": ..., "about": ...}`."""
    if "technique" in request:
        return own.answer(request)
    if "probe" in request:
        return probe.answer(request)
    network = Network(**request["network"])
    recipe = Recipe(**request["recipe"])
    pruning = Pruning(**request["pruning"])
    dataset = Dataset(**request["dataset"])
    try:
        with about("dataset"):
            streams = is_own(dataset.name) or lookup(DATASETS, dataset.name, "data set").streams
        with about("recipe"):
            check_augmentation(dataset, recipe, streams)
        with about("dataset"), _inspecting("data set", dataset.name):
            facts = load_facts(dataset)
        with _inspecting("network", network.name):
            network_facts = describe_network(network, facts, recipe, pruning, _metrics_to_try(request))
            checksums = {}
            if "pretrained" in request:
                module = build(network, facts, recipe, 0, "dense")
                with about("pretrained"):
                    checksums = {path: describe_weights(path, module) for path in request["pretrained"]}
            rehearsed = _rehearsed(request)
    except PrunesweepError as error:
        return refusal(error)
    return {"facts": {"dataset": facts.to_json(), "network": network_facts, "pretrained": checksums, **rehearsed}}


def _metrics_to_try(request: dict[str, Any]) -> Sequence[Metric]:
    """The metrics of trials that need no rehearsal, which tries metrics on more."""
    if "rehearsal" not in request or (rehearsal := Rehearsal.of_request(request)).needed:
        return ()
    return rehearsal.evaluation.metrics


def _rehearsed(request: dict[str, Any]) -> dict[str, Any]:
    """The fact of the rehearsal that a request asks for, if it is needed: what it found, or why it did not run."""
    if "rehearsal" not in request or not (rehearsal := Rehearsal.of_request(request)).needed:
        return {}
    if not rehearsal.possible:
        return {"rehearsal": request["rehearsal"] | {"skipped": f"this machine has no `{rehearsal.device}` device"}}
    kind = kind_of_machine(rehearsal.device)
    return {"rehearsal": request["rehearsal"] | {"kind": kind} | rehearse(rehearsal)}


@contextlib.contextmanager
def _inspecting(kind: str, name: str) -> Iterator[None]:
    """Raise BadInput for whatever the user's own code raises in the block; it may also exit."""
    try:
        yield
    except PrunesweepError:
        raise
    except (Exception, SystemExit) as error:
        if not is_own(name):
            raise
        raise BadInput(
            f"cannot inspect {kind} `{name}`: {described(error)}", hint="use it in Python to see where it fails"
        ) from error


def _optimizer_bytes(optimizer: torch.optim.Optimizer) -> int:
    """Bytes of an optimizer's state after one step."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    values = (value for slots in optimizer.state.values() for value in slots.values())
    return sum(value.nbytes for value in values if isinstance(value, torch.Tensor))


def main() -> None:
    asked = json.load(sys.stdin)
    end_with_parent(asked["parent"])
    torch.set_num_threads(1)
    requests = asked["requests"]
    with rehearsing_elsewhere(requests, os.getcwd()) as other_answers:
        answers = [answer(request) for request in requests]
        others = other_answers()
    for number, request in enumerate(requests):
        digest = answers[number].get("facts", {}).get("rehearsal", {}).get("digest")
        if digest is not None:
            try:
                check_other_process(Rehearsal.of_request(request), digest, others[number])
            except PrunesweepError as error:
                answers[number] = refusal(error)
    Path(asked["answers"]).write_text(json.dumps(answers), "utf-8")
