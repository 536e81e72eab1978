"""Statistical models that the methods share."""
