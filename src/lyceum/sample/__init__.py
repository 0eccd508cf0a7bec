"""The packaged sample: a table, and what is known about it."""
