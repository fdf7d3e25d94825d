"""A data set of sentence pairs, as training, evaluation and the metric BLEU see it."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass

import torch

from workers.data.batches.share import WHOLE, BatchShare
from workers.data.examples.facts import ExampleFacts
from workers.data.examples.fingerprint import tensor_bytes
from workers.data.split import hold_out, refuse_to_hold_out
from workers.data.translation.pairs import Pairs, PairStream
from workers.data.translation.vocabulary import Vocabulary
from workers.text import plural
from workers.trial import Recipe

NOUN = "sentence pair"
_SAMPLED = 2  # pairs


@dataclass(frozen=True, kw_only=True, slots=True)
class Translation:
    """Sentence pairs to train on, to test and, if the data bring them along, to validate on. None is empty.

    Raises InputError for parts without pairs.
    """

    train: Pairs
    test: Pairs
    vocabulary: Vocabulary
    validation: Pairs | None = None
    notes: tuple[str, ...] = ()

    def facts(self) -> ExampleFacts:
        return ExampleFacts(
            train_examples=len(self.train),
            test_examples=len(self.test),
            validation_examples=len(self.validation) if self.validation else 0,
            fingerprint=self._fingerprint(),
            sampled=self.train.take(self._middle()).batch(),
            offers={"vocabulary": self.vocabulary.size},
            noun=NOUN,
            notes=self.notes,
        )

    def check_held_out(self, holdout: int) -> None:
        """Raise InputError if pairs are held out although there is a validation split."""
        if self.validation is not None:
            refuse_to_hold_out(holdout)

    def inspected(self) -> Translation:
        """The same pairs, with a note on test sentences that training has."""
        known = {_row(self.train, index) for index in range(len(self.train))}
        seen = sum(_row(self.test, index) in known for index in range(len(self.test)))
        if not seen:
            return self
        verb = "occurs" if seen == 1 else "occur"
        note = f"{seen:,} of {plural(len(self.test), f'test {NOUN}')} also {verb} among the training pairs"
        return dataclasses.replace(self, notes=(*self.notes, note))

    def on(self, device: torch.device, holdout: int, facts: ExampleFacts) -> TranslationData:
        """The data set on a device."""
        train, held = hold_out(self.train, holdout)
        return TranslationData(
            facts=facts,
            vocabulary=self.vocabulary,
            train=train.on(device),
            heldout=(self.validation or held).on(device),
            test=self.test.on(device),
        )

    def _middle(self) -> torch.Tensor:
        """Training pairs of middle length, so that costs for an example are those of a usual one."""
        begin = (len(self.train) - 1) // 2
        return self.train.lengths.argsort(stable=True)[begin : begin + _SAMPLED]

    def _fingerprint(self) -> str:
        """Of the token numbers and reference texts, so that other subwords make other data."""
        summary = hashlib.sha256(b"translation 1")
        for part in (self.train, self.validation, self.test):
            for tensor in part.tensors if part else ():
                summary.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
                summary.update(tensor_bytes(tensor))
        summary.update(str(self.vocabulary.size).encode())
        return f"sha256:{summary.hexdigest()[:32]}"


@dataclass(frozen=True, kw_only=True, slots=True)
class TranslationData:
    """Sentence pairs on a device; `heldout` are used for validation only. Nothing may write to them."""

    facts: ExampleFacts
    vocabulary: Vocabulary
    train: Pairs
    heldout: Pairs
    test: Pairs

    def stream(self, recipe: Recipe, replicate: int, stage: str, share: BatchShare = WHOLE) -> PairStream:
        return PairStream(self.train, recipe, replicate, stage, share)


def _row(pairs: Pairs, index: int) -> tuple[bytes, bytes]:
    """Something that equal pairs have in common."""
    source = pairs.source[index, : pairs.source_lengths[index]]
    target = pairs.target[index, : pairs.target_lengths[index]]
    return source.numpy().tobytes(), target.numpy().tobytes()
