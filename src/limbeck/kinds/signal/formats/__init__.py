"""Files that hold signals."""
