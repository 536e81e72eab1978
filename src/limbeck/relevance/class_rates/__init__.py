"""How frequent the classes are in rows without labels."""
