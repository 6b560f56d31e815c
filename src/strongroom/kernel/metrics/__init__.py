"""What the processes of this server count of themselves, in memory that all of them can read."""
