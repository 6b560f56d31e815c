"""Tokens of OpenID Connect providers: read, checked against their issuer's keys, and turned into a caller."""
