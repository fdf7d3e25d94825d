"""The check before a sweep starts: a few steps of a task as its trials take them, saved, continued and evaluated.

`workers.describe.second_process` has the same steps taken in another process.
"""

from __future__ import annotations

import contextlib
import copy
import re
import time
from bdb import BdbQuit
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from workers.data.batches.share import BatchShare
from workers.data.batches.structure import Batch, call, tensors
from workers.data.images import EVALUATION_BATCH
from workers.data.loading import open_data
from workers.data.source import Data, Part
from workers.describe import HIGHEST_RATE
from workers.describe.own_generators import generator_states
from workers.errors import BadInput, Diverged, PrunesweepError, about
from workers.machine.generators import seed_generators
from workers.metrics import METRICS
from workers.metrics.judge import Judge, UndefinedScore
from workers.models import is_shipped
from workers.models.build import seeds_itself
from workers.models.strided import RefuseUnsafe
from workers.registry import is_own
from workers.text import plural
from workers.training.evaluation import examine, new_statistics, validation_and_test
from workers.training.losses import REMEDY_OF_CLASSES, is_about_classes, remedy_of_divergence
from workers.training.outcomes import outcome_of
from workers.training.process import make_trainer
from workers.training.states.state import dump_state, parse_state
from workers.training.trainer import Trainer
from workers.trial import (
    CROSS_ENTROPY,
    TOKEN_CROSS_ENTROPY,
    Dataset,
    Evaluation,
    Network,
    Recipe,
    Segment,
    Task,
    Trial,
    evaluation_from_json,
)

_BEFORE, _AFTER = 3, 2  # steps before and after the state is saved
_TRIED_OPTIMIZERS = ("SGD", "Adam", "AdamW", "TFAdam")
_TRIED_LOSSES = (CROSS_ENTROPY, TOKEN_CROSS_ENTROPY)
_SAVED, _CONTINUED = "saved", "continued from a saved state"
_UNREPEATABLE = re.compile(r"(\S+) does not have a deterministic implementation")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rehearsal:
    """A task, and how and where its trials are evaluated; of several `ranks`, the first one is rehearsed.

    It trains at the learning rate `rate`.
    """

    task: Task
    evaluation: Evaluation
    device: str = "cpu"
    ranks: int = 1
    rate: float = HIGHEST_RATE

    @classmethod
    def of_request(cls, request: dict[str, Any]) -> Rehearsal:
        """The rehearsal that a request of `workers.describe` asks for."""
        return cls(
            task=Task(
                dataset=Dataset(**request["dataset"]),
                network=Network(**request["network"]),
                recipe=Recipe(**request["recipe"]),
            ),
            evaluation=evaluation_from_json(request["rehearsal"]["evaluation"]),
            device=request["rehearsal"]["device"],
            ranks=request["rehearsal"].get("ranks", 1),
            rate=request["rehearsal"].get("rate", HIGHEST_RATE),
        )

    @property
    def needed(self) -> bool:
        """Whether anything is not prunesweep's own: such networks, losses, data sets and metrics are tested."""
        recipe = self.task.recipe
        return not (
            is_shipped(self.task.network.name)
            and not is_own(self.task.dataset.name)
            and recipe.loss in _TRIED_LOSSES
            and recipe.optimizer in _TRIED_OPTIMIZERS
            and all(_is_tried(metric.name, recipe.loss) for metric in self.evaluation.metrics)
        )

    @property
    def possible(self) -> bool:
        """Whether this machine has the device."""
        return self.device == "cpu" or torch.cuda.is_available()


def _is_tried(metric: str, loss: str) -> bool:
    """Whether a metric is prunesweep's own, and judges translations only of networks that are trained to translate."""
    return metric in METRICS and (not METRICS[metric].needs_network or loss == TOKEN_CROSS_ENTROPY)


def rehearse(rehearsal: Rehearsal) -> dict[str, Any]:
    """Train, save, continue and evaluate. Returns the digest of the last state, and the seconds of a step.

    Raises InputError or BadInput where trials would fail, or could not be continued to the same bits.
    """
    name = rehearsal.task.network.name
    data = _open(rehearsal)
    if is_own(name) and seeds_itself(rehearsal.task.network, data.facts):
        raise BadInput(
            f"network `{name}` seeds torch's generator, so all replicates would begin with the same weights",
            hint="remove the seed: prunesweep seeds every replicate before it builds the network",
        )
    trainer = new_trainer(rehearsal, data)
    _check_convolutions(trainer)
    advance(trainer, 1)  # the first step is slower than the others
    seconds = advance(trainer, _BEFORE - 1)
    with _explained(trainer.trial.task, data, trainer.device, _SAVED):
        state = parse_state(dump_state(trainer.state())[0], "the state of the rehearsal")
    _evaluate(trainer, data, rehearsal.evaluation)
    if rehearsal.task.recipe.deterministic and trainer.state().digest() != state.digest():
        raise BadInput(
            f"network `{name}` changes its weights or buffers in evaluation mode",
            hint="change them only while `self.training` is true",
        )
    advance(trainer, _AFTER)
    digest, generators = trainer.state().digest(), generator_states(trainer)
    del trainer  # two networks in training may not fit
    continued = new_trainer(rehearsal, data)
    with _explained(rehearsal.task, data, continued.device, _CONTINUED):
        continued.restore(state)
    advance(continued, _AFTER)
    if rehearsal.task.recipe.deterministic and continued.state().digest() != digest:
        _check_batches(rehearsal, data)
        raise not_repeatable(name, "a trial that is continued from a saved state ends with other weights")
    if rehearsal.task.recipe.deterministic:
        _check_generators(name, generators, generator_states(continued))
    return {"digest": digest, "seconds_per_step": seconds / (_BEFORE - 1)}


def _check_convolutions(trainer: Trainer) -> None:
    """Raise BadInput for a convolution that oneDNN computes wrongly: training with it may end this process."""
    if trainer.device.type != "cpu" or is_shipped(trainer.trial.task.network.name):  # a copy of those may be large
        return
    try:
        with RefuseUnsafe():
            call(copy.deepcopy(trainer.model), trainer.data.facts.sample(2)[0])
    except BadInput:
        raise
    except Exception:  # training says what is wrong
        return


def _check_batches(rehearsal: Rehearsal, data: Data) -> None:
    """Raise BadInput for data whose first batch is another one when it is read again."""
    name = rehearsal.task.dataset.name
    first, again = (_tensors(data.stream(rehearsal.task.recipe, 0, "dense").batch(0)) for _ in range(2))
    if not all(torch.equal(one, other) for one, other in zip(first, again, strict=True)):
        raise unrepeatable_data(name, "a batch has other data when it is read again")


def _tensors(batch: Batch) -> list[torch.Tensor]:
    return [tensor for values in batch for tensor in tensors(values)]


def _check_generators(network: str, straight: dict[str, bytes], continued: dict[str, bytes]) -> None:
    """Raise BadInput for a generator that a continued trial leaves in another state: it draws other numbers.

    Few steps may draw other numbers and yet end with the same weights, such as those that choose layers to skip.
    """
    for generator, state in straight.items():
        if continued.get(generator) != state:
            raise not_repeatable(
                network, f"a trial that is continued from a saved state draws other random numbers from `{generator}`"
            )


def straight(rehearsal: Rehearsal) -> str:
    """The digest of the state after all steps, without a break."""
    trainer = new_trainer(rehearsal, _open(rehearsal))
    advance(trainer, _BEFORE + _AFTER)
    return trainer.state().digest()


def _open(rehearsal: Rehearsal) -> Data:
    with about("dataset"):
        return open_data(rehearsal.task.dataset, torch.device(rehearsal.device))


def new_trainer(rehearsal: Rehearsal, data: Data) -> Trainer:
    """A trainer of the task, at step 0. Raises BadInput where it cannot be built."""
    trial = Trial(task=rehearsal.task, replicate=0, stage="dense", rates=(Segment(rate=rehearsal.rate),))
    device = torch.device(rehearsal.device)
    with _explained(rehearsal.task, data, device, "built"):
        trainer = make_trainer(trial, data, device, BatchShare(0, rehearsal.ranks))
    trainer.begin({})
    return trainer


def advance(trainer: Trainer, steps: int) -> float:
    """Take some steps. Returns how many seconds they took."""
    begun = time.monotonic()
    with _explained(trainer.trial.task, trainer.data, trainer.device, "trained"):
        for _ in range(steps):
            trainer.advance()
        trainer.settle()
    return time.monotonic() - begun


def _evaluate(trainer: Trainer, data: Data, evaluation: Evaluation) -> None:
    """Score the smallest batch of the validation and of the test examples, as records do."""
    seed_generators(0)
    with _explained(trainer.trial.task, data, trainer.device, "evaluated"), contextlib.ExitStack() as stack:
        if evaluation.batch_norm_batches:
            batches = min(evaluation.batch_norm_batches, 2)
            stack.enter_context(new_statistics(trainer.model, trainer.stream, trainer.recipe, batches))
        for part in validation_and_test(data, evaluation):
            judges = [Judge(metric, data=data) for metric in evaluation.metrics]
            examine(trainer.model, _smallest_batch(part), trainer.recipe, judges)
            for judge in judges:
                with contextlib.suppress(UndefinedScore):  # these few examples may lack one that all have
                    judge.score()


def _smallest_batch(part: Part) -> Part:
    size = len(part) % EVALUATION_BATCH or min(len(part), EVALUATION_BATCH)
    return part.select(np.arange(len(part) - size, len(part)))


@contextlib.contextmanager
def _explained(task: Task, data: Data, device: torch.device, verb: str) -> Iterator[None]:
    """Raise BadInput for whatever the user's code raises in the block."""
    name = task.network.name
    try:
        yield
    except Exception as error:
        if operation := _UNREPEATABLE.search(str(error)):
            raise BadInput(
                f"network `{name}` cannot be {verb} repeatably on {device.type}: torch has no deterministic "
                f"implementation of an operation: `{operation[1]}`",
                hint="replace the operation, or write `deterministic: false` in the recipe: results then differ in "
                "their last bits from run to run",
            ) from error
        if isinstance(error, PrunesweepError) and verb != _CONTINUED and not isinstance(error, Diverged):
            raise
        size = EVALUATION_BATCH if verb == "evaluated" else task.recipe.batch_size
        batch = f"batches of {plural(size, data.facts.noun)} on {device.type}"
        reason = error.message if isinstance(error, PrunesweepError) else f"{type(error).__name__}: {error}"
        raise BadInput(
            f"network `{name}` cannot be {verb} with {batch}: {reason}", hint=_remedy(error, verb, task.recipe)
        ) from error


def _remedy(error: Exception, verb: str, recipe: Recipe) -> str:
    """What to do about an error of the user's code."""
    if isinstance(error, Diverged):
        return remedy_of_divergence(recipe, error.step or 0, " (the rehearsal uses this one, or 0.001 if that is less)")
    if verb in (_SAVED, _CONTINUED):
        return "buffers must be tensors that keep their shapes, and so must what `get_extra_state` returns"
    if isinstance(error, EOFError | BdbQuit):
        return "nobody answers a trial: remove `input()`, and debug with `breakpoint()` and `--in-process`"
    if outcome_of(error) == "out_of_memory":
        return "use a smaller `batch_size`"
    if is_about_classes(error):
        return REMEDY_OF_CLASSES
    if "sparse grad" in str(error):
        return "make its embeddings with `sparse=False`"
    if "does not require grad" in str(error):
        return "let gradients reach the weights: `forward` must not use `.detach()`, `.data` or `no_grad`"
    return "the network and the loss must take batches of any size, in training and in evaluation mode"


def unrepeatable_data(name: str, symptom: str) -> BadInput:
    return BadInput(
        f"data set `{name}` is not repeatable: {symptom}",
        hint="return the same data each time: draw random numbers from the generators of torch, NumPy or Python inside "
        "`__getitem__`, where they are seeded, or from a generator with a fixed seed while the data are loaded, and do "
        "not depend on the order of sets or on hash()",
        about="dataset",
    )


def not_repeatable(name: str, symptom: str) -> BadInput:
    return BadInput(
        f"network `{name}` is not repeatable: {symptom}",
        hint="keep what changes between steps in persistent buffers, and draw random numbers from the generators of "
        "torch, NumPy or Python, which are seeded before the network is built and at every step, but not while modules "
        "are imported; or write `deterministic: false` in the recipe",
    )
