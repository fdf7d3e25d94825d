"""Looking after a store and a machine: status, show, sweeps, merge, verify, gc, logs and doctor.

Only `gc` deletes states, and only `verify --repair` and `rename` move files. Imports neither Ray nor torch: `verify`
reads states through `workers.training.states.state`, inside a function.
"""
