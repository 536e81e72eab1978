"""What pages and the API show of items: the list, one item, its explanation, its history."""
