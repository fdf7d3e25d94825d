"""Numbers as people read them, and text from elsewhere that is safe to print on a terminal."""

from __future__ import annotations

import re
import unicodedata

from workers.errors import InputError


def duration(seconds: float) -> str:
    """Seconds as `45 s`, `12 min`, `3 h 20 min` or `2 d 4 h`."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def size(count: float) -> str:
    """Bytes with a decimal unit: `3.2 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def plural(count: int, noun: str) -> str:
    """`1 cell`, `2 cells`, `25,000 cells`."""
    return f"{count:,} {noun if count == 1 else several(noun)}"


def several(noun: str) -> str:
    """The plural of a noun, which may be the user's own: `cells`, `cities`, `patches`."""
    if re.search("[^aeiou]y$", noun):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "z", "ch", "sh")) else f"{noun}s"


def parse_duration(text: str) -> float:
    """Seconds in `23h`, `90min`, `1d`, `45s` or a sum such as `1h30min`. Raises InputError for anything else."""
    seconds = {"d": 86_400, "h": 3_600, "min": 60, "m": 60, "s": 1}
    parts = re.findall(r"([0-9]+\.?[0-9]*|\.[0-9]+)\s*(d|h|min|m|s)", text)
    if not parts or re.sub(r"\s", "", text) != "".join(number + unit for number, unit in parts):
        raise InputError(f"`{text}` is not a length of time", hint="write it as `23h`, `90min` or `1h30min`")
    return sum(float(number) * seconds[unit] for number, unit in parts)


def cut(text: str, length: int) -> str:
    """Text, or its beginning and how long it is: `loss is na… (10,000 characters)`."""
    return text if len(text) <= length else f"{text[:length]}… ({len(text):,} characters)"


def printable(text: str, kept: str = "") -> str:
    """Text with all control and formatting characters except those `kept` replaced by their codes."""
    return "".join(
        character if character in kept or _is_harmless(character) else _code(character) for character in text
    )


def _is_harmless(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _code(character: str) -> str:
    return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"
