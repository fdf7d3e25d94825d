"""The batches of a training: which examples are in one, and how images become the inputs of a network.

Imports nothing else of `workers.data`: whatever has examples builds on it.
"""
