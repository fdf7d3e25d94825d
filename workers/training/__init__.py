"""One trial on one device: `attempt` runs it with a log and a time limit, `run` chunk by chunk, `trainer` step by step.

May import every other room of `workers`; imports neither Ray nor `orchestrator`. What drivers and readers import from
here at its top (`attempt`, `outcomes`, `optimizer_names`) imports torch only inside functions.
"""
