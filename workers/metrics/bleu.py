"""BLEU of what a network translates."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from workers.errors import InputError
from workers.metrics.scorer import Undefined
from workers.metrics.shapes import UnfitBatch
from workers.registry.extras import imported


class Bleu:
    """The BLEU score of translations, by sacrebleu (Post 2018), from 0 to 100.

    The network translates the source sentences by beam search (`beams` to `coverage_penalty`: see
    `workers.models.translation.beam_search`), and the vocabulary of the data makes text of the tokens, which is
    compared with what people wrote. `tokenize` and `lowercase` are sacrebleu's; the study scores lower-cased text with
    international tokens.
    Raises InputError if sacrebleu is not installed, and for data without a vocabulary.
    """

    needs_network = True

    def __init__(
        self,
        *,
        data: Any,
        beams: int = 5,
        longest: int = 150,
        length_penalty: float = 0.6,
        coverage_penalty: float = 0.1,
        lowercase: bool = True,
        tokenize: str = "intl",
    ) -> None:
        if not hasattr(data, "vocabulary"):
            raise InputError("metric `bleu` needs sentence pairs", hint="use a data set such as `text_pairs`")
        self._vocabulary = data.vocabulary
        self._search = {
            "beams": beams,
            "longest": longest,
            "length_penalty": length_penalty,
            "coverage_penalty": coverage_penalty,
        }
        self._bleu = imported("sacrebleu", "translation").BLEU(lowercase=lowercase, tokenize=tokenize)
        self._translations: list[str] = []
        self._references: list[str] = []

    def update_with(self, network: nn.Module, inputs: Any, targets: Any) -> None:
        """Translate a batch: inputs with `source` and `source_lengths`, targets with `reference` (see `Pairs`)."""
        translate = getattr(network, "translate", None)
        if not callable(translate):
            raise UnfitBatch("the network must have a method `translate`, as that of `gnmt`")
        sentences = translate(inputs["source"], inputs["source_lengths"], **self._search)
        self._translations += [self._vocabulary.text(tokens) for tokens in sentences]
        self._references += [_text(row) for row in targets["reference"].cpu()]

    def compute(self) -> float:
        if not self._references:
            raise Undefined("there are no sentences")
        return float(self._bleu.corpus_score(self._translations, [self._references]).score)

    @property
    def signature(self) -> str:
        """sacrebleu's signature, which says how a score was computed. It is complete after `compute`."""
        return str(self._bleu.get_signature())


def _text(row: torch.Tensor) -> str:
    """Text from UTF-8 that is padded with 0."""
    return bytes(row.tolist()).rstrip(b"\0").decode("utf-8")
