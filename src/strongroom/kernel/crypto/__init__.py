"""The only importer of the ``cryptography`` library; every other part asks it by purpose."""
