"""Ray: the connection to a cluster, its nodes, and Ray Tune as the scheduler of trials.

No other room imports Ray. It imports the dispatcher, and nothing that imports it: no execution and no session.
"""
