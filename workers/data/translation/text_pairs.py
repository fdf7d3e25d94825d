"""Translation from aligned text files of any language pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workers.data.translation.pairs import Pairs
from workers.data.translation.source import Translation
from workers.data.translation.text_files import SentencePair, read_pairs, spaced
from workers.data.translation.vocabulary import Subwords, Vocabulary
from workers.errors import InputError
from workers.text import plural


def text_pairs(
    *,
    path: str,
    source: str,
    target: str,
    vocabulary: int = 8000,
    longest: int = 47,
    train_pairs: int | None = None,
    test_pairs: int | None = None,
) -> Translation:
    """The files `train.SOURCE` and `train.TARGET`, `test.SOURCE` and `test.TARGET` under `path`, with a line for each
    sentence, and `validation.SOURCE` and `validation.TARGET`, if they are there.

    `source` and `target` are the ends of their names, such as `en` and `de`. Up to `vocabulary` subwords of both
    languages are learned from the training files. Pairs with more than `longest` tokens on a side are not trained on;
    those of the test stay. `train_pairs` and `test_pairs` take that many pairs, evenly spaced in the files. Raises
    InputError for arguments that do not fit, BadInput for damaged files.
    """
    if source == target:
        raise InputError(f"`source` and `target` must be different: {target}")
    folder = Path(path)

    def lines(part: str) -> Sequence[SentencePair]:
        return read_pairs(folder / f"{part}.{source}", folder / f"{part}.{target}")

    train = spaced(lines("train"), "train_pairs", train_pairs)
    test = spaced(lines("test"), "test_pairs", test_pairs)
    subwords = Subwords([text for line in train for text in (line.source, line.target)], vocabulary)
    has_validation = any((folder / f"validation.{language}").exists() for language in (source, target))
    pairs = training_pairs(train, subwords, longest)
    return Translation(
        train=pairs,
        validation=evaluation_pairs(lines("validation"), subwords) if has_validation else None,
        test=evaluation_pairs(test, subwords),
        vocabulary=subwords,
        notes=_left_out(len(train) - len(pairs), len(train), longest),
    )


def _left_out(count: int, total: int, longest: int) -> tuple[str, ...]:
    if not count:
        return ()
    return (f"{count:,} of {plural(total, 'training pair')} left out: longer than {plural(longest, 'token')}",)


def training_pairs(lines: Sequence[SentencePair], vocabulary: Vocabulary, longest: int) -> Pairs:
    """The pairs with at most `longest` tokens on both sides. Raises InputError if none has."""
    source = vocabulary.encode([line.source for line in lines])
    target = vocabulary.encode([line.target for line in lines])
    which = [index for index in range(len(lines)) if max(len(source[index]), len(target[index])) <= longest]
    if not which:
        raise InputError(
            f"no training pair has at most {plural(longest, 'token')} on both sides", hint="allow more with `longest`"
        )
    return Pairs.of([source[index] for index in which], [target[index] for index in which])


def evaluation_pairs(lines: Sequence[SentencePair], vocabulary: Vocabulary) -> Pairs:
    """All pairs, with the text that translations are compared to."""
    source = vocabulary.encode([line.source for line in lines])
    target = vocabulary.encode([line.target for line in lines])
    return Pairs.of(source, target, [line.reference for line in lines])
