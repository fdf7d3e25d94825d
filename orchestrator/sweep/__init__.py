"""What is asked: a YAML file becomes a `SweepSpec`, and every mistake in it a problem with its line and a hint.

The only room that knows YAML. It sees no store, no clock and no results, and imports no other room of `orchestrator`,
neither torch nor Ray.
"""
