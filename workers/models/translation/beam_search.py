"""The most probable sentence that a decoder finds with a few candidates at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

import torch
from torch import Tensor


class Selectable(Protocol):
    """What a decoder remembers of each candidate."""

    def select(self, rows: Tensor) -> Self:
        """The states of some candidates, by index."""


S = TypeVar("S", bound=Selectable)


@dataclass(frozen=True, kw_only=True, slots=True)
class BeamSearch:
    """Beam search with the penalties of Wu et al. 2016, section 7, as MLPerf 0.5 applies them.

    `beams` candidates of each sentence are kept by their log-probability, and grow until all have ended or have
    `longest` tokens. Only if all of a sentence have ended, the best is the one with the highest log-probability
    divided by ((5 + length) / 6)^length_penalty, plus `coverage_penalty` times the sum over the source tokens of
    log(min(attention so far, 1)). The length includes the token `end`.
    """

    start: int
    end: int
    beams: int = 5
    longest: int = 150
    length_penalty: float = 0.6
    coverage_penalty: float = 0.1

    @torch.no_grad()
    def run(
        self, step: Callable[[Tensor, S], tuple[Tensor, Tensor, S]], state: S, sentences: int, device: torch.device
    ) -> list[list[int]]:
        """The tokens of the best candidate of each sentence, without `start` and `end`.

        `step` maps the last tokens, int64 (R,), and the state of all R = sentences · beams candidates (those of a
        sentence in a row) to logits (R, vocabulary), attention (R, S), and the next state.
        """
        candidates = _Candidates.first(sentences, self.beams, self.start, device)
        for _ in range(self.longest):
            logits, attention, state = step(candidates.last(), state)
            rows = candidates.grow(logits, attention, self.end)
            state = state.select(rows)
            if bool(candidates.ended.all()):
                break
        return self._best(candidates)

    def _best(self, candidates: _Candidates) -> list[list[int]]:
        penalty = ((5 + candidates.lengths) / 6) ** self.length_penalty
        uncovered = candidates.coverage.where(candidates.coverage > 0, 1).clamp(max=1).log().sum(2)
        penalized = candidates.scores / penalty + self.coverage_penalty * uncovered
        scores = torch.where(candidates.ended.all(1, keepdim=True), penalized, candidates.scores)
        best = scores.argmax(1).tolist()
        tokens = candidates.tokens.tolist()
        return [self._without_end(of_sentence[beam]) for of_sentence, beam in zip(tokens, best, strict=True)]

    def _without_end(self, tokens: list[int]) -> list[int]:
        """The tokens between `start` and the first `end`."""
        return tokens[1 : tokens.index(self.end, 1)] if self.end in tokens[1:] else tokens[1:]


@dataclass(slots=True)
class _Candidates:
    """The candidates of N sentences, B each: their `tokens` (N, B, length), log-probabilities `scores` (N, B).

    `ended` (N, B) have all their tokens, which `lengths` (N, B) counts. `coverage` (N, B, S) is the attention so far.
    """

    tokens: Tensor
    scores: Tensor
    ended: Tensor
    lengths: Tensor
    coverage: Tensor

    @classmethod
    def first(cls, sentences: int, beams: int, start: int, device: torch.device) -> _Candidates:
        """One candidate of each sentence that has only begun; the others are impossible, and have ended."""
        shape = (sentences, beams)
        is_first = torch.arange(beams, device=device).eq(0).expand(shape)
        return cls(
            tokens=torch.full((*shape, 1), start, dtype=torch.int64, device=device),
            scores=torch.zeros(shape, device=device).masked_fill(~is_first, -math.inf),
            ended=~is_first,
            lengths=torch.zeros(shape, dtype=torch.int64, device=device),
            coverage=torch.zeros((*shape, 1), device=device),
        )

    def last(self) -> Tensor:
        return self.tokens[:, :, -1].flatten()

    def grow(self, logits: Tensor, attention: Tensor, end: int) -> Tensor:
        """Keep the best continuations by one token. Returns the rows (R,) that they continue."""
        sentences, beams = self.scores.shape
        following = logits.float().log_softmax(1).view(sentences, beams, -1)
        only_end = torch.full_like(following[0, 0], -math.inf)
        only_end[end] = 0.0
        following = torch.where(self.ended.unsqueeze(2), only_end, following)
        totals = self.scores.unsqueeze(2) + following
        self.scores, chosen = totals.flatten(1).topk(beams)
        parents, tokens = chosen // totals.shape[2], chosen % totals.shape[2]
        seen = attention.float().view(sentences, beams, -1).masked_fill(self.ended.unsqueeze(2), 0.0)
        self.coverage = _of(parents, self.coverage + seen)
        had_ended = _of(parents, self.ended)
        self.lengths = _of(parents, self.lengths) + (~had_ended).long()
        self.tokens = torch.cat((_of(parents, self.tokens), tokens.unsqueeze(2)), 2)
        self.ended = had_ended | (tokens == end)
        first_rows = torch.arange(sentences, device=parents.device).unsqueeze(1) * beams
        return (first_rows + parents).flatten()


def _of(parents: Tensor, values: Tensor) -> Tensor:
    """The values (N, B, ...) of the parents (N, B) of each candidate."""
    index = parents.view(*parents.shape, *(1 for _ in values.shape[2:]))
    return values.gather(1, index.expand(*parents.shape, *values.shape[2:]))
