"""The only importer of the ``cryptography`` library. Every other part asks it by purpose, not by primitive."""
