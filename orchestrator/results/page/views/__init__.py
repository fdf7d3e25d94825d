"""The views of a grid: figures with a sentence that says how to read them, and the data under them.

Each module draws one view. None imports torch, Ray or pandas.
"""
