"""Runs the trials of a plan, through Ray Tune or in this process, and survives what goes wrong.

The only room that imports Ray: `on_ray.cluster`, `ray_tune` and `ray_actor` do so at the top, and no other module
imports these three except inside functions. Imports planning and `workers`; no results, no upkeep. Only the check for
GPUs in `preflight` imports torch, inside a function.
"""
