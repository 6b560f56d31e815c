"""The operations of the room, one file a noun."""
