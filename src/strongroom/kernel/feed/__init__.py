"""What has changed, in the order of the commits: one row an event, in the transaction that made it true.

Whoever tells the world (webhooks, streams) reads from here, so that nothing is told that did not happen, and
nothing that happened is forgotten. Our choice: docs/decisions/0046-events-out.md.
"""
