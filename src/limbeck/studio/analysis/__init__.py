"""Counts of answers over time, how sure they were, how right they were, and how much was reviewed."""
