"""Reading files: folders and tables of images, Parquet files, and the encoded images in them.

Used by the data sets of `workers.data` and by its `image_files`, none of which this room imports.
"""
