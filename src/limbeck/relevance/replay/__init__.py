"""Choices of the cold start, made by replaying it: each known scenario in turn is the target without labels."""
