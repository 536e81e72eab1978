"""Training and drift through the REST API."""
