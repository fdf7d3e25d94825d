"""What happens in a sweep, as events, and who is told: a web address, a command, TensorBoard, MLflow, W&B.

Nothing here can slow, stall or fail a sweep. Must not import the driver, Ray or torch; the packages of trackers are
imported in separate processes.
"""
