"""Sealing: the root key, what is sealed under it, and the envelopes of values and KMS messages."""
