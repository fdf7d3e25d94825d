"""The search of `prunesweep prune`: how small can a network be within a tolerance of its accuracy?

Runs one sweep that grows by a round at a time, and judges its results. Stands above driver and results, and imports
neither torch nor Ray.
"""
