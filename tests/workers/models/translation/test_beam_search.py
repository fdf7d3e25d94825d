"""Beam search against enumeration, on a vocabulary of four words."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from workers.models.translation.beam_search import BeamSearch

START, END, WORDS = 0, 1, 4
SOURCE = 3  # tokens of each source sentence


class _Prefixes(NamedTuple):
    """A decoder whose state is all that it has said: row by row."""

    tokens: tuple[tuple[int, ...], ...]

    def select(self, rows: Tensor) -> _Prefixes:
        return _Prefixes(tuple(self.tokens[row] for row in rows.tolist()))


class _Model:
    """Logits and attention that depend on the sentence and on every token before, at random but always the same."""

    def __init__(self, beams: int) -> None:
        self._beams = beams

    def logits(self, sentence: int, prefix: tuple[int, ...]) -> Tensor:
        return 2 * torch.randn(WORDS, generator=_generator(sentence, prefix))

    def attention(self, sentence: int, prefix: tuple[int, ...]) -> Tensor:
        return torch.rand(SOURCE, generator=_generator(sentence, prefix)).softmax(0)

    def step(self, tokens: Tensor, state: _Prefixes) -> tuple[Tensor, Tensor, _Prefixes]:
        prefixes = tuple((*said, token) for said, token in zip(state.tokens, tokens.tolist(), strict=True))
        rows = [(row // self._beams, prefix) for row, prefix in enumerate(prefixes)]
        logits = torch.stack([self.logits(*row) for row in rows])
        attention = torch.stack([self.attention(*row) for row in rows])
        return logits, attention, _Prefixes(prefixes)

    def search(self, search: BeamSearch, sentences: int) -> list[list[int]]:
        state = _Prefixes(((),) * (sentences * self._beams))
        return search.run(self.step, state, sentences, torch.device("cpu"))


def _generator(sentence: int, prefix: tuple[int, ...]) -> torch.Generator:
    seed = sentence
    for token in prefix:
        seed = seed * WORDS + token + 1
    return torch.Generator().manual_seed(seed)


class _Said(NamedTuple):
    """A candidate of the reference: its tokens with the end, and its log-probability."""

    tokens: tuple[int, ...]
    score: float


def _score(model: _Model, sentence: int, tokens: tuple[int, ...]) -> float:
    prefixes = [(START, *tokens[:length]) for length in range(len(tokens))]
    return sum(
        float(model.logits(sentence, prefix).double().log_softmax(0)[token])
        for prefix, token in zip(prefixes, tokens, strict=True)
    )


def _penalized(model: _Model, sentence: int, said: _Said, search: BeamSearch) -> float:
    coverage = sum(model.attention(sentence, (START, *said.tokens[:length])) for length in range(len(said.tokens)))
    assert isinstance(coverage, Tensor)
    uncovered = sum(math.log(min(total, 1.0)) for total in coverage.tolist())
    length_penalty = ((5 + len(said.tokens)) / 6) ** search.length_penalty
    return said.score / length_penalty + search.coverage_penalty * uncovered


def _everything(model: _Model, sentence: int, longest: int) -> list[_Said]:
    """All sentences that end within `longest` tokens."""
    others = [word for word in range(WORDS) if word != END]
    return [
        _Said((*words, END), _score(model, sentence, (*words, END)))
        for length in range(longest)
        for words in itertools.product(others, repeat=length)
    ]


def _by_definition(model: _Model, sentence: int, search: BeamSearch) -> list[int]:
    """Beam search written for one sentence, with lists; scores are computed from scratch each time."""
    beam = [_Said((), 0.0)]
    for _ in range(search.longest):
        if all(END in said.tokens for said in beam):
            break
        longer = [said for said in beam if END in said.tokens]
        for said in beam:
            if END not in said.tokens:
                longer += [
                    _Said((*said.tokens, word), _score(model, sentence, (*said.tokens, word))) for word in range(WORDS)
                ]
        beam = sorted(longer, key=lambda said: said.score, reverse=True)[: search.beams]
    if all(END in said.tokens for said in beam):
        beam = sorted(beam, key=lambda said: _penalized(model, sentence, said, search), reverse=True)
    return [token for token in beam[0].tokens if token != END]


@pytest.mark.parametrize("longest", [3, 30])
@pytest.mark.parametrize("beams", [1, 2, 5])
def test_it_is_beam_search(beams: int, longest: int) -> None:
    model = _Model(beams)
    search = BeamSearch(start=START, end=END, beams=beams, longest=longest, length_penalty=1.5, coverage_penalty=1.0)
    assert model.search(search, 8) == [_by_definition(model, sentence, search) for sentence in range(8)]


def test_with_room_for_every_candidate_the_best_of_all_sentences_is_found() -> None:
    """All that have not ended drop out in the end, since `longest` leaves no candidate but ended ones."""
    longest, everything = 3, WORDS**4
    model = _Model(everything)
    search = BeamSearch(start=START, end=END, beams=everything, longest=longest, coverage_penalty=0.0)
    for sentence, tokens in enumerate(model.search(search, 2)):
        sayings = _everything(model, sentence, longest)
        unfinished = [
            _Said(words, _score(model, sentence, words))
            for words in itertools.product([word for word in range(WORDS) if word != END], repeat=longest)
        ]
        best = max(sayings + unfinished, key=lambda said: said.score)  # not all have ended: without penalties
        assert tokens == [token for token in best.tokens if token != END]


@pytest.mark.parametrize(("penalty", "expected"), [(0.0, []), (1.0, [2])])
def test_penalties_count_only_once_all_candidates_have_ended(penalty: float, expected: list[int]) -> None:
    """Ending at once has −1.2, `2` and then the end −1.3: a length penalty of 7/6 turns the order."""

    def step(tokens: Tensor, state: _Prefixes) -> tuple[Tensor, Tensor, _Prefixes]:
        first = torch.tensor([-9.0, -1.2, -1.3, -9.0])
        only_end = torch.tensor([-99.0, 0.0, -99.0, -99.0])
        logits = torch.stack([first if token == START else only_end for token in tokens.tolist()])
        return logits, torch.full((len(tokens), 1), 1.0), state

    search = BeamSearch(start=START, end=END, beams=2, length_penalty=penalty)
    assert search.run(step, _Prefixes(((),) * 2), 1, torch.device("cpu")) == [expected]
    cut = BeamSearch(start=START, end=END, beams=2, length_penalty=penalty, longest=1)
    assert cut.run(step, _Prefixes(((),) * 2), 1, torch.device("cpu")) == [[]]


def test_penalties_are_those_of_the_study() -> None:
    study = BeamSearch(start=0, end=1, beams=5, longest=150, length_penalty=0.6, coverage_penalty=0.1)
    assert BeamSearch(start=0, end=1) == study


def test_coverage_prefers_candidates_that_saw_the_whole_source() -> None:
    def step(tokens: Tensor, state: _Prefixes) -> tuple[Tensor, Tensor, _Prefixes]:
        first = torch.tensor([-9.0, -9.0, -1.0, -1.1])
        only_end = torch.tensor([-99.0, 0.0, -99.0, -99.0])
        logits = torch.stack([first if token == START else only_end for token in tokens.tolist()])
        narrow, wide = torch.tensor([0.99, 0.01]), torch.tensor([0.1, 0.9])
        attention = torch.stack([wide if token == 3 else narrow for token in tokens.tolist()])
        return logits, attention, state

    answers = [
        BeamSearch(start=START, end=END, beams=2, coverage_penalty=weight).run(
            step, _Prefixes(((),) * 2), 1, torch.device("cpu")
        )
        for weight in (0.0, 0.1)
    ]
    assert answers == [[[2]], [[3]]]
