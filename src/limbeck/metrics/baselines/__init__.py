"""What a classifier is held against at the least."""
