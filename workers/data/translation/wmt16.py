"""English and German of WMT16, as MLPerf's script prepares it: what the rewinding study trains GNMT on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from workers.data.translation.source import Translation
from workers.data.translation.text_files import SentencePair, read_lines, read_pairs, spaced
from workers.data.translation.text_pairs import evaluation_pairs, training_pairs
from workers.data.translation.vocabulary import Words
from workers.errors import BadInput, InputError

SUBWORDS = "vocab.bpe.32000"
CHECKSUMS = {
    "train.tok.clean.bpe.32000.en": "b7482095b787264a310d4933d197a134",
    "train.tok.clean.bpe.32000.de": "409064aedaef5b7c458ff19a7beda462",
    "newstest_dev.tok.clean.bpe.32000.en": "704c4ba8c8b63df1f6678d32b91438b5",
    "newstest_dev.tok.clean.bpe.32000.de": "d27f5a64c839e20c5caa8b9d60075dde",
    "newstest2014.tok.bpe.32000.en": "cb014e2509f86cd81d5a87c240c07464",
    "newstest2014.tok.bpe.32000.de": "d616740f6026dc493e66efdf9ac1cb04",
    "newstest2014.de": "f6c3818b477e4a25cad68b61cc883c17",
}
"""MD5 of each file, from MLPerf's `verify_dataset.sh` (retired_benchmarks/gnmt)."""

LONGEST = 47
"""Tokens on both sides of a training pair: 3,534,981 of 4,068,191 pairs have no more."""

TEST_LINES = 2169
"""The study tests on so many lines of newstest2015."""


def wmt16_en_de(*, path: str, train_pairs: int | None = None, test_pairs: int | None = None) -> Translation:
    """The files of MLPerf's `wmt16_en_de.sh` under `path`: newstest2014 for validation, newstest2015 for the test.

    `train_pairs` and `test_pairs` take that many lines, evenly spaced in the files. Training pairs with more than 47
    tokens on a side are left out. Raises InputError for missing files, BadInput for other contents than MLPerf's.
    """
    folder = Path(path)
    for name, checksum in CHECKSUMS.items():
        _check(folder / name, checksum)
    words = Words(read_lines(folder / SUBWORDS), "de")

    def lines(name: str, reference: str | None = None, limit: int | None = None) -> Sequence[SentencePair]:
        source, target = (folder / f"{name}.bpe.32000.{language}" for language in ("en", "de"))
        return read_pairs(source, target, folder / reference if reference else None, limit)

    train = spaced(lines("train.tok.clean"), "train_pairs", train_pairs)
    test = spaced(lines("newstest2015.tok", "newstest2015.de", TEST_LINES), "test_pairs", test_pairs)
    return Translation(
        train=training_pairs(train, words, LONGEST),
        validation=evaluation_pairs(lines("newstest2014.tok", "newstest2014.de"), words),
        test=evaluation_pairs(test, words),
        vocabulary=words,
    )


def _check(path: Path, checksum: str) -> None:
    try:
        with open(path, "rb") as file:
            actual = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    except FileNotFoundError as error:
        raise InputError(
            f"text file not found: `{path}`", hint="make it with `wmt16_en_de.sh` of MLPerf's training benchmarks"
        ) from error
    if actual != checksum:
        raise BadInput(
            f"text file `{path}` must have the MD5 of MLPerf's, {checksum}, not {actual}",
            hint="prepare it again with the tools of the versions that MLPerf's README names, or use `text_pairs`",
        )
