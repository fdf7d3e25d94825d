"""Files on a local disk, on NFS or in a bucket, through one protocol: `files`. `opening` picks one by the location.

Imports nothing else of `workers.store`, and no torch.
"""
