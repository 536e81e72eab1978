"""What rows without a recipe are: their kind, columns, label, groups and parts, and the recipe that follows."""
