"""Write LibreOffice's help in two languages as aligned text files: a small real corpus to translate.

    python benchmarks/help_pages.py HELP/en-US HELP/de data/help

On Debian, the folders are in /usr/share/libreoffice/help once `libreoffice-help-en-us` and `libreoffice-help-de` are
installed. Paragraphs with the same id on the same page are pairs. One page in fifty is for the test and one for
validation, so that neither has a sentence that training has. Writes train.en, train.de and so on.
"""

from __future__ import annotations

import argparse
import hashlib
from html.parser import HTMLParser
from pathlib import Path

PREFIXES = ("par_id", "hd_id")  # paragraphs and headings
SHARES = {0: "test", 1: "validation"}  # by the hash of a page's name modulo 50
LANGUAGES = ("en", "de")

Pair = tuple[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("english", "german", "output"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    pairs = read_pairs(given.english, given.german)
    given.output.mkdir(parents=True, exist_ok=True)
    for part, lines in pairs.items():
        for side, language in enumerate(LANGUAGES):
            text = "".join(f"{line[side]}\n" for line in lines)
            (given.output / f"{part}.{language}").write_text(text, "utf-8")
        print(f"{part}: {len(lines):,} pairs")


def read_pairs(english: Path, german: Path) -> dict[str, list[Pair]]:
    """The distinct pairs of all pages by part; what an evaluated part has is not in training."""
    parts: dict[str, dict[Pair, None]] = {"train": {}, "validation": {}, "test": {}}
    for page in sorted(path.relative_to(english) for path in english.rglob("*.html")):
        if (german / page).exists():
            part = SHARES.get(int(hashlib.sha256(page.as_posix().encode()).hexdigest(), 16) % 50, "train")
            parts[part] |= dict.fromkeys(aligned(paragraphs(english / page), paragraphs(german / page)))
    sentences = {text for part in ("validation", "test") for pair in parts[part] for text in pair}
    train = [pair for pair in parts["train"] if sentences.isdisjoint(pair)]
    return {"train": train, "validation": list(parts["validation"]), "test": list(parts["test"])}


def aligned(english: dict[str, str], german: dict[str, str]) -> list[Pair]:
    """The paragraphs that are translated, in the order of the page."""
    both = [(text, german[key]) for key, text in english.items() if key in german]
    return [(text, translation) for text, translation in both if text and translation and text != translation]


def paragraphs(page: Path) -> dict[str, str]:
    """The text of each paragraph by its id, with single spaces."""
    reader = _Paragraphs()
    reader.feed(page.read_text("utf-8"))
    return {key: " ".join("".join(pieces).split()) for key, pieces in reader.texts.items()}


class _Paragraphs(HTMLParser):
    """Collects the text inside elements whose id begins as those of paragraphs do."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []  # the tag of the paragraph, and those of the same name in it
        self._current: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._current is not None:
            self._open += [tag] if tag == self._open[0] else []
            return
        key = dict(attrs).get("id") or ""
        if key.startswith(PREFIXES):
            self._open = [tag]
            self._current = self.texts.setdefault(key, [])

    def handle_endtag(self, tag: str) -> None:
        if self._current is not None and tag == self._open[0]:
            self._open.pop()
            if not self._open:
                self._current = None

    def handle_data(self, data: str) -> None:
        if self._current is not None:
            self._current.append(data)


if __name__ == "__main__":
    main()
