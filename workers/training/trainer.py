"""The body of the training loop: one optimizer step of a trial, exactly repeatable.

Everything random is a pure function of (replicate, stage, step). So a trial that is stopped at any step and continued
in any process ends with the same bits as one that never stopped (on the same kind of hardware, with the same number
of threads and the same versions).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from workers import schedules
from workers.data.batches.share import WHOLE, BatchShare
from workers.data.batches.structure import Batch, Values, call, examples
from workers.data.image_facts import ImageFacts
from workers.data.source import Batches, Data
from workers.errors import BadInput, Diverged
from workers.machine.generators import seed_generators
from workers.models import is_shipped
from workers.models.build import build, prunable, prunable_by_default
from workers.models.layout import arranged
from workers.pruning.adaptive import rate_factor
from workers.pruning.masks import prune
from workers.seeds import seed
from workers.training.cuda_graph import GraphedPass, is_graphable
from workers.training.exchange import Exchange, Step
from workers.training.loss_names import is_sum
from workers.training.losses import correct, has_ignored, loss_function, remedy_of_divergence
from workers.training.masking import Masking, effective_weights, like
from workers.training.measurement import Measurement
from workers.training.optimizing.clipping import clipped_apart
from workers.training.optimizing.optimizers import make_optimizer, take_step
from workers.training.states.pretrained import read_weights
from workers.training.states.state import History, State
from workers.trial import MaskRule, Stop, Trial, trial_id


class Trainer:
    """A trial in training: network, optimizer, masks and data stream on one device.

    It is freshly initialized at step 0; `begin` sets the trial's start state, `restore` a state where it stopped. With
    an `exchange`, it trains on its share of each batch in step with others, and has the same state after each step.
    """

    def __init__(self, trial: Trial, data: Data, device: torch.device, share: BatchShare = WHOLE) -> None:
        self.trial = trial
        self.id = trial_id(trial)
        self.recipe = trial.task.recipe
        self.device = device
        self.data = data
        self.share = share
        self.exchange: Exchange | None = None
        self.step = 0
        self.history = History()
        model = build(trial.task.network, data.facts, self.recipe, trial.replicate, trial.stage)
        self.model = _arranged(model.to(device), trial.task.network.name, data)
        self.optimizer = make_optimizer(self.recipe, self.model)
        self.weights = _weights(self.model, trial.mask)
        self._loss = loss_function(self.recipe)
        self._sums = is_sum(self.recipe)
        self.stream = data.stream(self.recipe, trial.replicate, trial.stage, share)
        self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        graphable = is_graphable(trial.task, data.facts, device, share)
        self._graph = GraphedPass(self.model, self.parameters) if graphable else None
        self._pending: list[Step] = []
        self._ignored: list[torch.Tensor] = []
        self._use_masks({})

    @property
    def masks(self) -> dict[str, torch.Tensor]:
        """The boolean masks by weight (True: kept), on the device; empty before pruning."""
        return self._masking.masks

    @property
    def adds_up(self) -> bool:
        """Whether the gradient of a batch is a sum over its parts, not their mean."""
        return self._sums or self.recipe.clip_group is not None

    def whole_batches(self) -> Batches:
        """The training batches of which `stream` has a share."""
        if self.share == WHOLE:
            return self.stream
        return self.data.stream(self.recipe, self.trial.replicate, self.trial.stage)

    @property
    def epochs(self) -> float:
        """Epochs of this trial so far."""
        return float(self.step / self.stream.steps_per_epoch)

    @property
    def learning_rate(self) -> float | None:
        """The learning rate of the last step, None before the first."""
        return self._rate(self.step - 1) if self.step else None

    def begin(self, parents: Mapping[Stop, State]) -> None:
        """Copy the start state and make the mask. `parents` has the state of each parent of the trial."""
        if self.trial.pretrained is not None:
            self._load(read_weights(self.trial.pretrained, self.model), {})
        if self.trial.start is not None:
            start = parents[self.trial.start]
            self._load(start.model, start.optimizer)
            self.history.start_digest = start.digest()
        if self.trial.mask is not None:
            rule = self.trial.mask
            parent = parents[rule.source]
            weights = effective_weights(self.model, self.weights, parent.model)
            mask_seed = seed(self.trial.replicate, self.trial.pruning_round, "mask")
            seed_generators(mask_seed)  # for a score of the user's own
            random = torch.Generator().manual_seed(mask_seed)
            masks = prune(weights, parent.masks, rule, random, Measurement(lambda: self._other(parent)))
            if self.trial.rate_floor is not None:
                lowest = float(self.trial.rate_floor)
                self.history.rate_factor = rate_factor(weights, parent.masks, masks, lowest)
            self._use_masks(masks)
            self._masking.begin()
            self.history.mask_digest = parent.digest()
        self.step = 0

    def _other(self, parent: State) -> Trainer:
        """A trainer that has the network to prune, and batches that are the same for all techniques of a round."""
        trial = replace(self.trial, stage=f"score {self.trial.pruning_round}")
        other = Trainer(trial, self.data, self.device)
        other.restore(parent)
        return other

    def restore(self, state: State) -> None:
        """Continue from a state of the same trial."""
        self._load(state.model, state.optimizer)
        self._use_masks(state.masks)
        self.step = state.step
        self.history = copy.deepcopy(state.history)

    def advance(self) -> None:
        """Take one optimizer step. On a CPU, raises Diverged before a loss that is not finite reaches the weights."""
        learning_rate = self._rate(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        step = self._backward(self._batch(self.step))
        self._pending.append(self.exchange.step(*step) if self.exchange else step)
        if self.device.type == "cpu":
            self.settle()
        if self.recipe.clip_group is None:
            self._mask_and_clip()
        take_step(self.optimizer, self.parameters)
        self._masking.apply()
        self.step += 1
        if self.step == math.ceil((len(self.history.curve) + 1) * self.stream.steps_per_epoch):
            self._end_epoch(learning_rate)

    def forward(self, index: int) -> tuple[Any, Values, torch.Tensor]:
        """The outputs of the network, the targets and the loss of training batch `index`."""
        return self._outputs(self._batch(index))

    def _backward(self, batch: Batch) -> Step:
        """Leave the gradient of a batch in the parameters: masked and clipped, if that is done group by group."""
        self.optimizer.zero_grad()
        if self.recipe.clip_group is None:
            return self._graph(self._add_gradient, batch) if self._graph else self._add_gradient(batch)
        return clipped_apart(batch, self.recipe.clip_group, self.parameters, self._add_gradient, self._mask_and_clip)

    def _add_gradient(self, batch: Batch) -> Step:
        outputs, targets, loss = self._outputs(batch)
        loss.backward()
        if self.share != WHOLE and (ignored := has_ignored(self.recipe, targets)) is not None:
            self._ignored.append(ignored)
        number = examples(targets)
        return Step(loss.detach() / number if self._sums else loss.detach(), correct(outputs, targets), number)

    def _mask_and_clip(self) -> None:
        self._masking.mask_gradients()
        if self.recipe.clip_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip_grad_norm)

    def _batch(self, index: int) -> Batch:
        """Training batch `index`, with torch's generators seeded for dropout in it."""
        batch = self.stream.batch(index)
        rank = (self.share.rank,) if self.share.rank else ()
        seed_generators(seed(self.trial.replicate, self.trial.stage, "step", index, *rank))
        return batch

    def _outputs(self, batch: Batch) -> tuple[Any, Values, torch.Tensor]:
        inputs, targets = batch
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            outputs = call(self.model, inputs)
            return outputs, targets, self._loss(outputs, targets)

    def settle(self) -> None:
        """Read the losses of the steps since the last call: once a chunk, because it waits for the GPU.

        Raises Diverged at the first loss that is not finite, and BadInput for a share of a batch with targets that the
        loss leaves out; no state of a chunk with one is ever saved.
        """
        ignored, self._ignored = self._ignored, []
        if ignored and bool(torch.stack(ignored).any()):
            raise BadInput(
                f"several GPUs cannot share a batch whose loss `{self.recipe.loss}` leaves out targets of -100",
                hint="train on one GPU",
            )
        pending, self._pending = self._pending, []
        if not pending:
            return
        losses = torch.stack([loss for loss, _, _ in pending]).tolist()
        counts = _counts([correct for _, correct, _ in pending])
        first = self.step - len(pending) + (1 if self.device.type == "cpu" else 0)
        for index, (loss, count, (_, _, number)) in enumerate(zip(losses, counts, pending, strict=True)):
            if not math.isfinite(loss):
                before = self.history.last_loss
                last = f"last finite loss {before:.6g}" if before is not None else "no finite loss before"
                message = f"the loss at step {first + index:,} is not finite ({last}): {loss}"
                raise Diverged(message, first + index, hint=remedy_of_divergence(self.recipe, first + index))
            self.history.last_loss = loss
            self.history.losses += loss * number
            self.history.correct = None if count is None else (self.history.correct or 0) + count
            self.history.images += number

    def state(self) -> State:
        """A copy of the whole state. Raises Diverged if a parameter or buffer is not finite."""
        self.settle()
        model = {name: _copy(tensor) for name, tensor in self.model.state_dict().items()}
        for name, tensor in model.items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                kind = "parameter" if name in dict(self.model.named_parameters()) else "buffer"
                message = f"{kind} `{name}` is not finite after step {self.step:,}"
                raise Diverged(message, self.step, hint=remedy_of_divergence(self.recipe, self.step))
        optimizer = {
            int(index): {
                key: _copy(value) if isinstance(value, torch.Tensor) else value
                for key, value in slots.items()
                if value is not None
            }
            for index, slots in self.optimizer.state_dict()["state"].items()
        }
        masks = {name: _copy(mask) for name, mask in self.masks.items()}
        return State(self.id, self.step, model, optimizer, masks, copy.deepcopy(self.history), self.share.ranks)

    def _rate(self, step: int) -> float:
        return schedules.rate(self.trial.rates, step) * self.history.rate_factor

    def _load(self, model: Mapping[str, torch.Tensor], optimizer: Mapping[int, Mapping]) -> None:
        """Load a copy of a state: `Optimizer.load_state_dict` alone would share its tensors."""
        try:
            self.model.load_state_dict(dict(model))
        except RuntimeError as error:
            raise BadInput(f"the state of the parent does not fit this network: {error}") from error
        slots = {
            index: {key: like(value, self.parameters[index]) for key, value in entries.items()}
            for index, entries in optimizer.items()
        }
        self.optimizer.load_state_dict({"state": slots, "param_groups": self.optimizer.state_dict()["param_groups"]})

    def _use_masks(self, masks: Mapping[str, torch.Tensor]) -> None:
        self._masking = Masking(self.model, self.weights, masks)

    def _end_epoch(self, learning_rate: float) -> None:
        self.settle()
        history = self.history
        point = {
            "step": self.step,
            "learning_rate": learning_rate,
            "train_loss": history.losses / history.images,
            "train_accuracy": None if history.correct is None else history.correct / history.images,
        }
        history.curve.append(point)
        history.losses, history.correct, history.images = 0.0, 0, 0


def _arranged(model: nn.Module, name: str, data: Data) -> nn.Module:
    if is_shipped(name):
        return model.to(memory_format=torch.channels_last)
    return arranged(model, data.facts.input_shape) if isinstance(data.facts, ImageFacts) else model


def _counts(correct: Sequence[torch.Tensor | None]) -> list[int] | list[None]:
    """The numbers on the device, read at once; None where nothing can be classified correctly."""
    tensors = [count for count in correct if count is not None]
    return torch.stack(tensors).tolist() if tensors else [None] * len(correct)


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    """A contiguous copy on the CPU that shares no memory."""
    return tensor.detach().to("cpu", copy=True).contiguous()


def _weights(network: nn.Module, rule: MaskRule | None) -> dict[str, nn.Parameter]:
    """The weights that a trial prunes, or those that could be pruned by default in a dense network."""
    if rule is None:
        return prunable_by_default(network)
    return prunable(network, rule.pruning.exclude, rule.pruning.include)
