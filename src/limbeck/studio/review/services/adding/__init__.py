"""How rows become items: from batches, single answers, imports and tables."""
