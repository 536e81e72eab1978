"""The queue of long work, in the database."""
