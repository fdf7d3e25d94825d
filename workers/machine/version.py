"""The version of prunesweep, which its distribution takes from here, and its packages: known in a source tree, too."""

VERSION = "0.1.0"

PACKAGES = ("orchestrator", "prunesweep", "workers")
"""What prunesweep consists of."""
