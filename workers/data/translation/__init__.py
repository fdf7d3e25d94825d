"""Sentence pairs: text in two languages as token numbers, in batches of pairs of about one length.

Imports torch and, only where subwords are learned or words are joined, tokenizers and sacremoses; no network, store or
training code.
"""
