"""Checks before anything starts: of this machine, and of every node of a cluster at once.

`machine` runs anywhere, `node_facts` on each node, `node_checks` in the driver. Torch is imported only to count GPUs.
"""
