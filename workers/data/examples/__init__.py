"""Examples of any kind: tensors in memory, files of arrays, tables of rows, and any map-style torch data set.

Imports of `workers.data` only what batches, splits and tables of files need; no image.
"""
