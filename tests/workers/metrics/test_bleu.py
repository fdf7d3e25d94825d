"""BLEU of translations, against sacrebleu, and as a trial is judged by it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from sacrebleu import corpus_bleu
from torch import nn

from workers.data.translation.pairs import Pairs
from workers.data.translation.vocabulary import Words
from workers.errors import BadInput, InputError
from workers.metrics.facts import KNOWN_BLEU
from workers.metrics.judge import Judge, UndefinedScore
from workers.trial import Metric, Recipe

WORDS = ["der", "die", "Hund", "Katze", "bellt", "schläft", "laut", "leise", "heute", "nicht", ".", ","]
REFERENCES = ["Der Hund bellt heute laut, die Katze schläft.", "Die Katze schläft heute nicht."]
SAID = ["der Hund bellt heute leise , die Katze schläft .", "die Katze schläft nicht ."]
DATA = SimpleNamespace(vocabulary=Words(WORDS, "de"))
RECIPE = Recipe(batch_size=1, optimizer="Adam")


class Translator(nn.Module):
    """Says one of `SAID` for a source of the length of its number."""

    def __init__(self) -> None:
        super().__init__()
        self.settings: dict[str, float] = {}

    def translate(self, source: torch.Tensor, lengths: torch.Tensor, **settings: float) -> list[list[int]]:
        self.settings = settings
        said = DATA.vocabulary.encode(SAID)
        return [said[length - 1] for length in lengths.tolist()]


def judged(metric: Metric, network: nn.Module, data: Any = DATA) -> Judge:
    judge = Judge(metric, "test examples", data)
    pairs = Pairs.of([[3], [3, 3]], DATA.vocabulary.encode(SAID), REFERENCES)
    for inputs, targets in pairs.batches(RECIPE):
        judge.update(network, inputs, None, targets)
    return judge


def test_it_is_sacrebleu_of_the_text() -> None:
    network = Translator()
    judge = judged(Metric(name="bleu", arguments={"beams": 3}), network)
    texts = ["der Hund bellt heute leise, die Katze schläft.", "die Katze schläft nicht."]
    expected = corpus_bleu(texts, [REFERENCES], lowercase=True, tokenize="intl").score
    assert judge.score() == pytest.approx(expected)
    assert 40 < expected < 80
    assert judge.facts == KNOWN_BLEU
    assert judge.signature is not None
    assert judge.signature.startswith("nrefs:1|case:lc|eff:no|tok:intl|smooth:exp|version:")
    assert network.settings == {"beams": 3, "longest": 150, "length_penalty": 0.6, "coverage_penalty": 0.1}


def test_case_and_tokens_are_settings() -> None:
    network = Translator()
    strict = judged(Metric(name="bleu", arguments={"lowercase": False, "tokenize": "13a"}), network)
    assert network.settings["beams"] == 5
    assert strict.score() < judged(Metric(name="bleu"), Translator()).score()
    assert strict.signature is not None
    assert "case:mixed|eff:no|tok:13a" in strict.signature


def test_what_cannot_be_judged_is_said() -> None:
    with pytest.raises(InputError, match="metric `bleu` needs sentence pairs"):
        Judge(Metric(name="bleu"), data=SimpleNamespace())
    with pytest.raises(BadInput, match="metric `bleu`: the network must have a method `translate`"):
        judged(Metric(name="bleu"), nn.Linear(1, 1))
    with pytest.raises(UndefinedScore, match="there are no sentences"):
        Judge(Metric(name="bleu"), data=DATA).score()


def test_perplexity_takes_sentence_pairs_too() -> None:
    judge = Judge(Metric(name="perplexity"), data=DATA)
    [(inputs, targets)] = Pairs.of([[3], [3, 3]], [[4, 5], [4]], ["", ""]).batches(RECIPE)
    logits = torch.zeros((2, 3, 8))
    judge.update(nn.Linear(1, 1), inputs, logits, targets)
    assert judge.score() == pytest.approx(8.0)
