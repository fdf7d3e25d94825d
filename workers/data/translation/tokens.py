"""Token numbers that mean the same in every vocabulary. Imports nothing."""

UNKNOWN, START, END = 0, 1, 2
SPECIAL = ("<unk>", "<s>", "</s>")
"""What these numbers are called in the files of vocabularies."""

IGNORED = -100
"""In targets: a position that has no token. torch's cross-entropy ignores it by default."""
