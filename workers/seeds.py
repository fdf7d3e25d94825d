"""Seeds as pure functions of what they are for."""

from __future__ import annotations

import hashlib
import json


def seed(*purpose: str | int) -> int:
    """A seed in [0, 2**63) from a tuple such as (replicate, stage, "batch", i): the first 63 bits of its SHA-256."""
    text = json.dumps(purpose, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
