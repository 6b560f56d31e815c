"""What is done with the journal once it is written: it is indexed, searched, signed, verified, kept and exported.

The journal is the truth; everything here can be made from it again.
"""
