"""Sealing: the root key and what is sealed under it, the envelopes of values and KMS messages, the seals themselves."""
