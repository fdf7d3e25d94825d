"""The search of `prunesweep prune`: how small can a network be within a tolerance of its score?

Runs one sweep that grows by one round at a time, and judges its results. Imports driver, results, planning and sweep;
no upkeep, neither torch nor Ray.
"""
