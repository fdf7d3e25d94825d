"""The report page: one self-contained HTML file that answers, for a store or the published study, what came out.

Reads rows, records and failures, and draws with matplotlib. Imports no torch, no Ray and no pandas.
"""
