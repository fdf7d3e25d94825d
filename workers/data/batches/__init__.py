"""The batches of a training: which images are in one, and how they become the inputs of a network.

Imports nothing else of `workers.data`: whatever has images builds on it.
"""
