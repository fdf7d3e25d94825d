"""Looking after a store and a machine: status, verify, gc, logs and doctor.

Only `gc` deletes and only `verify --repair` moves files. Imports neither Ray nor torch: `verify` reads states through
`workers.training.state`, inside a function.
"""
