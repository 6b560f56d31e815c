"""Processes, sockets and TLS around the product; see README.md."""
