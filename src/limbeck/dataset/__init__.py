"""From a recipe's data section to rows that may be trained on."""
