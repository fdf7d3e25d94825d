"""Hands a sweep to what starts jobs: Ray's job server, Slurm, or KubeRay. What runs there is `prunesweep run`.

Each module makes a `Submission` from a `LaunchOrder`; the files that it fills in are those of `docker/`, which the
wheel keeps in `templates`. Imports the sweep and the store's paths only: no driver, neither Ray nor torch.
"""
