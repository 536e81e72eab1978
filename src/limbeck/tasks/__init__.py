"""What differs between tasks, one folder each."""
