"""The migrations, one file a step, in the order of their numbers. Written by tools/new_migration.py."""
