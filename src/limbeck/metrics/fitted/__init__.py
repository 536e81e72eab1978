"""What is fitted on held-out rows: from scores to probabilities, to another place, to sets of a stated coverage."""
