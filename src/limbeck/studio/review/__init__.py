"""Review: people correct what models answered, and the site measures how good models and people are."""
