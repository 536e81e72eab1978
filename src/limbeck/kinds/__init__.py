"""What differs between kinds of rows, one folder each."""
