"""Where things lie that tests read."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "store-v1"
SHARED = ROOT.parent / "shared"
"""Data sets and the published study's own files. Only some machines have them; tests of them are skipped elsewhere."""
