"""From text to token numbers, and back. Both languages of a pair share one vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from workers.data.translation.tokens import SPECIAL, UNKNOWN
from workers.errors import InputError
from workers.registry.extras import imported

EXTRA = "translation"  # of prunesweep, which has the packages

BYTES = 256
"""Subwords begin with one for each byte, so that none is unknown."""


class Vocabulary(Protocol):
    """Numbers below `size` for pieces of text, from those of `workers.data.translation.tokens` on."""

    @property
    def size(self) -> int: ...

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        """The token numbers of each line, without start and end."""

    def text(self, tokens: Sequence[int]) -> str:
        """A sentence as people write it, from its token numbers."""


class Subwords:
    """Byte-pair encoding of bytes (Sennrich et al. 2016), learned from text by the package tokenizers.

    `size` is the most tokens, fewer if no pair of subwords is left. The same lines give the same subwords in every
    process. Raises InputError for fewer tokens than there are bytes.
    """

    def __init__(self, lines: Iterable[str], size: int) -> None:
        least = BYTES + len(SPECIAL)
        if size < least:
            raise InputError(f"`vocabulary` must be at least {least}: {size:,}", hint=f"{BYTES} are the single bytes")
        tokenizers = imported("tokenizers", EXTRA)
        self._tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        self._tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=True)
        self._tokenizer.decoder = tokenizers.decoders.ByteLevel()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=size - len(SPECIAL),
            initial_alphabet=sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        self._tokenizer.train_from_iterator(lines, trainer)

    @property
    def size(self) -> int:
        return int(self._tokenizer.get_vocab_size()) + len(SPECIAL)

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        encoded = self._tokenizer.encode_batch_fast(list(lines), add_special_tokens=False)
        return [[number + len(SPECIAL) for number in line.ids] for line in encoded]

    def text(self, tokens: Sequence[int]) -> str:
        numbers = [number - len(SPECIAL) for number in tokens if number >= len(SPECIAL)]
        return str(self._tokenizer.decode(numbers)).strip()


class Words:
    """Words from a list, in text that is split into them already; those that end in `@@` continue in the next.

    `language` is whose rules Moses' detokenizer follows to make text of words.
    """

    def __init__(self, words: Sequence[str], language: str) -> None:
        self._words = list(words) if tuple(words[:3]) == SPECIAL else [*SPECIAL, *words]
        self._numbers = {word: number for number, word in reversed(list(enumerate(self._words)))}
        self._language = language
        self._detokenizer: Any = None

    @property
    def size(self) -> int:
        return len(self._words)

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        return [[self._numbers.get(word, UNKNOWN) for word in line.split()] for line in lines]

    def text(self, tokens: Sequence[int]) -> str:
        words = " ".join(self._words[number] for number in tokens).replace("@@ ", "").removesuffix("@@")
        if self._detokenizer is None:
            self._detokenizer = imported("sacremoses", EXTRA).MosesDetokenizer(lang=self._language)
        return str(self._detokenizer.detokenize(words.split()))
