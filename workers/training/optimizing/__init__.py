"""Optimizers: those of torch, and Adam as TensorFlow writes it.

Imports torch, no data, network or store; `optimizer_names` imports no torch.
"""
