"""Trains one trial on one machine, evaluates it and keeps what came out.

Nothing here imports Ray or `orchestrator`. `trial` (what can be asked, and its id), `techniques`, `schedules`,
`registry`, `errors`, `text`, `store` and the `__init__` modules of `data`, `models` and `pruning` do without torch, so
that planning and reading can import them. Imports only point down: describe → training → models → data, training →
pruning, store and machine, and all of them → techniques, registry and the modules of this folder, which import no
rooms.
"""
