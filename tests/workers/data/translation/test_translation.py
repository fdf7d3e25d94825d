"""Sentence pairs: files to token numbers, batches of about one length, and what evaluation gets."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from workers.data.batches.share import BatchShare
from workers.data.translation import wmt16
from workers.data.translation.order import BucketedOrder
from workers.data.translation.pairs import Pairs, PairStream
from workers.data.translation.source import Translation
from workers.data.translation.text_pairs import text_pairs
from workers.data.translation.vocabulary import Subwords, Words
from workers.errors import BadInput, InputError, PrunesweepError
from workers.trial import Recipe

RECIPE = Recipe(batch_size=4, optimizer="Adam")
CPU = torch.device("cpu")


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, "utf-8")
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Ten training pairs, one of which has an empty side, and two test pairs, one of them known."""
    english = [f"the {animal} is {size}\n" for animal in ("cat", "dog", "cow") for size in ("big", "small", "old")]
    animals, sizes = ("Katze", "Hündin", "Kuh"), ("groß", "klein", "alt")
    german = [f"die {animal} ist {size}\n" for animal in animals for size in sizes]
    return write(
        tmp_path,
        train_en="".join(english) + "\n",
        train_de="".join(german) + "leer\n",
        test_en="the cat is big\na dog  <s> is old\n",
        test_de="die Katze ist groß\neine Hündin  <s> ist alt\n",
    )


def of_files(path: Path, **arguments: object) -> Translation:
    return text_pairs(path=str(path), **({"source": "en", "target": "de", "vocabulary": 300} | arguments))


def test_subwords_give_any_text_back_and_are_always_the_same() -> None:
    lines = ["the cat sat", "die Katze saß"] * 3
    one, other = (Subwords(lines, 270) for _ in range(2))
    text = "ein <s>  Jäger\u00a0jagt 😀 </s>"
    assert one.encode([text]) == other.encode([text])
    assert one.text(one.encode([text])[0]) == text
    assert (one.size, min(one.encode([text])[0]) >= 3) == (270, True)
    with pytest.raises(InputError, match="`vocabulary` must be at least 259: 258"):
        Subwords(lines, 258)


def test_words_are_joined_and_set_as_people_write() -> None:
    words = Words(["der", "Hu@@", "nd", ",", "ja@@", "."], "de")
    numbers = words.encode(["der Hu@@ nd , <unk> Katze ."])
    assert numbers == [[3, 4, 5, 6, 0, 0, 8]]
    assert words.text([3, 4, 5, 6, 3, 5, 8]) == "der Hund, der nd."
    assert words.text([4]) == "Hu"  # a translation that ends inside a word
    assert Words(["<unk>", "<s>", "</s>", "der"], "de").size == 4


def test_files_become_batches(corpus: Path) -> None:
    data = of_files(corpus).on(CPU, 0, of_files(corpus).facts())
    assert (len(data.train), len(data.test), len(data.heldout)) == (9, 2, 0)
    (inputs, targets), *more = data.test.batches(RECIPE)
    assert not more
    source, target = data.vocabulary.encode(["the cat is big"])[0], data.vocabulary.encode(["die Katze ist groß"])[0]
    length = len(target) + 1
    assert inputs["source"][0, : len(source)].tolist() == source
    assert set(inputs["source"][0, len(source) :].tolist()) == {2}
    assert inputs["source_lengths"].tolist()[0] == len(source)
    assert inputs["target"][0, :length].tolist() == [1, *target]
    assert inputs["target_lengths"].tolist()[0] == length
    assert targets["tokens"][0, :length].tolist() == [*target, 2]
    assert set(targets["tokens"][0, length:].tolist()) == {-100}
    texts = [bytes(row[row > 0].tolist()).decode() for row in targets["reference"]]
    assert texts == ["die Katze ist groß", "eine Hündin  <s> ist alt"]


def test_facts_are_those_of_the_files(corpus: Path) -> None:
    data = of_files(corpus).inspected()
    facts = data.facts()
    assert (facts.train_examples, facts.test_examples, facts.validation_examples) == (9, 2, 0)
    assert (facts.noun, facts.offers) == ("sentence pair", {"vocabulary": data.vocabulary.size})
    assert facts.notes == ("1 of 2 test sentence pairs also occurs among the training pairs",)
    assert facts.fingerprint == of_files(corpus).facts().fingerprint
    for change in ({"vocabulary": 270}, {"longest": 6}, {"train_pairs": 8}, {"test_pairs": 1}):
        assert of_files(corpus, **change).facts().fingerprint != facts.fingerprint
    write(corpus, test_de="die Katze ist gross\neine Hündin ist alt\n")
    assert of_files(corpus).facts().fingerprint != facts.fingerprint


def test_costs_are_those_of_a_pair_of_middle_length() -> None:
    pairs = Pairs.of([[3] * length for length in (9, 1, 5, 7, 3)], [[4]] * 5)
    facts = Translation(train=pairs, test=pairs, vocabulary=Words(["a"], "de")).facts()
    assert facts.sample(1)[0]["source_lengths"].tolist() == [5]
    assert Pairs.of([[3] * 4, [3] * 9], [[4] * 4, [4]]).lengths.tolist() == [5, 9]  # the target has a start token


def test_a_validation_split_is_used_if_it_is_there(corpus: Path) -> None:
    write(corpus, validation_en="the dog\n", validation_de="die Hündin\n")
    data = of_files(corpus)
    assert data.facts().validation_examples == 1
    assert len(data.on(CPU, 0, data.facts()).heldout) == 1
    with pytest.raises(InputError, match="`holdout` cannot be combined"):
        data.check_held_out(3)


def test_pairs_are_held_out(corpus: Path) -> None:
    data = of_files(corpus)
    parts = data.on(CPU, 4, data.facts())
    rows = [tuple(row.tolist()) for part in (parts.train, parts.heldout) for row in part.source]
    assert (len(parts.train), len(parts.heldout), len(set(rows))) == (5, 4, 9)


@pytest.mark.parametrize(
    ("files", "arguments", "message"),
    [
        ({"train_en": "a\n"}, {}, "must have the same number of lines, not 1 line and 10 lines"),
        ({"train_en": "\n" * 10}, {}, "no sentence pairs in "),
        ({}, {"target": "fr"}, r"text file not found: `.*train\.fr`"),
        ({}, {"target": "en"}, "`source` and `target` must be different: en"),
        ({}, {"longest": 1}, "no training pair has at most 1 token on both sides"),
        ({}, {"train_pairs": 10}, "`train_pairs` must be from 1 to 9: 10"),
        ({"validation_en": "a\n"}, {}, r"text file not found: `.*validation\.de`"),
    ],
)
def test_files_that_cannot_be_meant(
    corpus: Path, files: dict[str, str], arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(PrunesweepError, match=message):
        of_files(write(corpus, **files), **arguments)


def test_files_as_other_systems_write_them(corpus: Path) -> None:
    (facts, lines) = of_files(corpus).facts(), (corpus / "train.en").read_bytes()
    (corpus / "train.en").write_bytes(b"\xef\xbb\xbf" + lines.replace(b"\n", b"\r\n"))  # Windows
    (corpus / "test.de").write_text((corpus / "test.de").read_text("utf-8").rstrip("\n"), "utf-8-sig")
    assert of_files(corpus).facts().fingerprint == facts.fingerprint
    (corpus / "test.de").unlink()
    (corpus / "test.de").mkdir()
    with pytest.raises(InputError, match=r"cannot read text file `.*test\.de`: Is a directory"):
        of_files(corpus)


def test_pairs_that_are_too_long_are_counted(corpus: Path) -> None:
    (corpus / "train.en").write_text("the cat is big\n" * 9 + "word " * 60, "utf-8")
    assert of_files(corpus).facts().notes == ("1 of 10 training pairs left out: longer than 47 tokens",)


def test_text_must_be_utf8(corpus: Path) -> None:
    (corpus / "train.de").write_bytes(b"gr\xfc\xdfe\n" * 10)
    with pytest.raises(BadInput, match="is not UTF-8: invalid start byte at byte 2"):
        of_files(corpus)


LENGTHS = torch.randint(1, 48, (950,), generator=torch.Generator().manual_seed(0))


def test_each_pair_is_in_one_batch_of_an_epoch_and_batches_are_of_one_length() -> None:
    order = BucketedOrder(LENGTHS, 10, 0, "dense")
    assert order.steps_per_epoch == 95
    for epoch in (0, 1):
        batches = [order.batch(95 * epoch + index) for index in range(95)]
        assert sorted(torch.cat(batches).tolist()) == list(range(950))
        buckets = [sorted(set((LENGTHS[batch] // 10).tolist())) for batch in batches]
        assert sum(len(bucket) > 1 for bucket in buckets) <= 4
        assert buckets != sorted(buckets)


def test_batches_are_pure_functions_of_their_number() -> None:
    order = BucketedOrder(LENGTHS, 8, 1, "2")
    straight = [order.batch(index) for index in range(300)]
    other = BucketedOrder(LENGTHS, 8, 1, "2")
    assert all(torch.equal(other.batch(index), straight[index]) for index in (299, 7, 118, 0))
    assert order.steps_per_epoch == Fraction(950, 8)
    assert not torch.equal(BucketedOrder(LENGTHS, 8, 1, "3").batch(0), straight[0])
    counts = torch.cat(straight).bincount(minlength=950)
    assert counts.max() - counts.min() <= 2  # 2.5 epochs, of which windows of 100 batches shift the borders
    assert BucketedOrder(LENGTHS[:3], 8, 0, "1").batch(5).shape == (8,)  # larger than the data


def test_ranks_share_a_batch() -> None:
    pairs = Pairs.of([[3] * length for length in range(1, 21)], [[4] * length for length in range(1, 21)])
    whole = PairStream(pairs, RECIPE, 0, "dense").batch(3)[0]["source_lengths"]
    parts = [PairStream(pairs, RECIPE, 0, "dense", BatchShare(rank, 2)).batch(3)[0] for rank in (0, 1)]
    assert torch.equal(torch.cat([part["source_lengths"] for part in parts]), whole)


def test_checksums_of_wmt16_are_mlperfs() -> None:
    assert len(wmt16.CHECKSUMS) == 7
    assert wmt16.CHECKSUMS["train.tok.clean.bpe.32000.en"] == "b7482095b787264a310d4933d197a134"
    assert wmt16.CHECKSUMS["train.tok.clean.bpe.32000.de"] == "409064aedaef5b7c458ff19a7beda462"


def test_wmt16_is_checked_and_split_as_in_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"newstest2014.de": "Ein Hund, ja.\n", "newstest2015.de": "Der Hund.\nNein!\n"}
    for part, lines in {
        "train.tok.clean": ("a dog\na " * 1 + "dog " * 47, "ein Hund\nein " + "Hund " * 46),
        "newstest_dev.tok.clean": ("dog", "Hund"),
        "newstest2014.tok": ("a dog , yes .", "ein Hund , ja ."),
        "newstest2015.tok": ("the dog .\nno !", "der Hund .\nnein !"),
    }.items():
        for language, text in zip(("en", "de"), lines, strict=True):
            names[f"{part}.bpe.32000.{language}"] = f"{text}\n"
    names["vocab.bpe.32000"] = "a\ndog\nthe\nein\nHund\nder\n.\n,\n"
    for name, text in names.items():
        (tmp_path / name).write_text(text, "utf-8")
    monkeypatch.setattr(
        wmt16, "CHECKSUMS", {name: hashlib.md5((tmp_path / name).read_bytes()).hexdigest() for name in wmt16.CHECKSUMS}
    )
    assert wmt16.TEST_LINES == 2169
    data = wmt16.wmt16_en_de(path=str(tmp_path))
    assert (len(data.train), len(data.test), data.vocabulary.size) == (1, 2, 11)  # 48 tokens are too many
    assert data.validation is not None
    assert bytes(data.validation.reference[0].tolist()).decode() == "Ein Hund, ja."
    assert len(wmt16.wmt16_en_de(path=str(tmp_path), test_pairs=1).test) == 1
    monkeypatch.setattr(wmt16, "TEST_LINES", 1)
    assert len(wmt16.wmt16_en_de(path=str(tmp_path)).test) == 1
    (tmp_path / "newstest2014.de").write_text("anders\n")
    with pytest.raises(BadInput, match=r"newstest2014\.de` must have the MD5 of MLPerf's, .*, not "):
        wmt16.wmt16_en_de(path=str(tmp_path))
    (tmp_path / "newstest2014.de").unlink()
    with pytest.raises(InputError, match="text file not found"):
        wmt16.wmt16_en_de(path=str(tmp_path))
