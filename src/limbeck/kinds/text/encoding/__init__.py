"""From cleaned texts to numbers: tokens, n-grams, and rows of different lengths in flat arrays."""
