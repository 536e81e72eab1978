"""Ask a model, and keep what it answered."""
