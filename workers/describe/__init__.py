"""Answers what a plan must know and only torch or the data can tell: `answers`, a `rehearsal`, and a check of pruning.

Imports torch and every other room of `workers`; planning runs it as a separate process, `python -m workers.describe`.
"""

HIGHEST_RATE = 1e-3
"""The learning rate of rehearsals, unless a sweep has a lower one."""
