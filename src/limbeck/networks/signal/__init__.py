"""Networks of signals."""
