"""Safetensors files: the state of a trial, a network for use elsewhere, and one that was trained elsewhere.

Imports nothing else of `workers.training`, and opens no pickles.
"""
