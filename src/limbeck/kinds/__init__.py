"""What differs between kinds of input, one folder each."""
