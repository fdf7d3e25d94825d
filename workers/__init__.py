"""Trains one trial on one machine, evaluates it and keeps what came out.

Nothing here imports Ray or `orchestrator`. `trial` (what can be asked, and its id), `techniques`, `schedules`,
`registry`, `errors`, `text`, `store` and the `__init__` modules of `data`, `models` and `pruning` do without torch, so
that planning and reading can import them. Imports only point down: training → models → data, training → pruning and
store, and all of them → the modules of this folder; of these, only `describe`, which answers planning's questions,
imports rooms.
"""
