"""Translation networks: recurrent cells, attention, beam search, and GNMT, which is made of them.

Imports torch, no data, store or training code.
"""
