"""Which items a person gets next: lanes, claims, assignments, and the policy of a model."""
