"""A small GNMT learns a made-up language: words for digits, to be said as digits in reverse order, such as
`one two then three` to `3 , 2 1`. More than 90% of unseen sentences must come out exactly right.
"""

from __future__ import annotations

import random
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import torch
from measure import Figure, arguments, finish

from workers import schedules
from workers.data.loading import open_data
from workers.data.translation.source import TranslationData
from workers.metrics.judge import Judge
from workers.training.process import make_trainer
from workers.training.trainer import Trainer
from workers.trial import Dataset, Metric, Network, Recipe, Task, Trial

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
RECIPE = Recipe(
    batch_size=32,
    optimizer="TFAdam",
    loss="token_cross_entropy",
    loss_arguments={"reduction": "sum", "label_smoothing": 0.1},
    clip_grad_norm=5.0,
    clip_group=16,
)
CPU = torch.device("cpu")


def main() -> None:
    quick = arguments((__doc__ or "").splitlines()[0]).quick
    steps = 100 if quick else 1500
    with tempfile.TemporaryDirectory() as folder:
        write_language(Path(folder), random.Random(0))
        begin = time.perf_counter()
        data, trainer = trained(folder, steps)
        seconds = time.perf_counter() - begin
        exact, bleu = judged(data, trainer)
    finish(
        "translation",
        quick,
        [
            Figure("exact sentences", exact, "%", at_least=None if quick else 90),
            Figure("BLEU", bleu),
            Figure("training", seconds, "s"),
        ],
    )


def write_language(folder: Path, rand: random.Random) -> None:
    """4,000 sentences to learn and 200 others to test."""
    sentences: dict[str, str] = {}
    while len(sentences) < 4200:
        digits = [rand.randrange(10) for _ in range(rand.randint(2, 5))]
        cut = rand.randrange(1, len(digits) + 1)
        clauses = [part for part in (digits[:cut], digits[cut:]) if part]
        spoken = " then ".join(" ".join(DIGITS[digit] for digit in clause) for clause in clauses)
        sentences[spoken] = " , ".join(" ".join(map(str, clause[::-1])) for clause in clauses[::-1])
    pairs = list(sentences.items())
    for part, lines in {"train": pairs[:-200], "test": pairs[-200:]}.items():
        for side, end in enumerate(("words", "digits")):
            (folder / f"{part}.{end}").write_text("".join(f"{line[side]}\n" for line in lines), "utf-8")


def trained(folder: str, steps: int) -> tuple[TranslationData, Trainer]:
    arguments = {"path": folder, "source": "words", "target": "digits", "vocabulary": 340}
    dataset = Dataset(name="text_pairs", arguments=arguments)
    network = Network(name="gnmt", arguments={"units": 64, "layers": 2, "dropout": 0.0})
    boundaries = [Fraction(steps * tenth, 10) for tenth in (7, 8, 9)]
    factors = [Fraction(1, 2), Fraction(1, 4), Fraction(1, 8)]
    rates = schedules.piecewise(Fraction("0.005"), boundaries, factors, Fraction(20), Fraction("0.01"))
    task = Task(dataset=dataset, network=network, recipe=RECIPE)
    data = open_data(dataset, CPU)
    assert isinstance(data, TranslationData)
    trainer = make_trainer(Trial(task=task, replicate=0, stage="dense", rates=rates), data, CPU)
    for _ in range(steps):
        trainer.advance()
    return data, trainer


def judged(data: TranslationData, trainer: Trainer) -> tuple[float, float]:
    """How many percent of the test sentences are exactly right, and their BLEU."""
    trainer.model.eval()
    judge = Judge(Metric(name="bleu", arguments={"longest": 20}), data=data)
    right = 0
    with torch.no_grad():
        for inputs, targets in data.test.batches(RECIPE):
            judge.update(trainer.model, inputs, None, targets)
            assert isinstance(inputs, dict)
            said = trainer.model.translate(inputs["source"], inputs["source_lengths"], longest=20)  # type: ignore[operator]
            right += sum(data.vocabulary.text(one) == text for one, text in zip(said, texts(targets), strict=True))
    return 100 * right / len(data.test), judge.score()


def texts(targets: dict[str, torch.Tensor]) -> list[str]:
    return [bytes(row.tolist()).rstrip(b"\0").decode() for row in targets["reference"]]


if __name__ == "__main__":
    main()
