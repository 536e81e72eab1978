"""From a recipe and rows to a finished bundle: the loop, checkpoints, export, search."""
