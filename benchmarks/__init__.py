"""Scripts that measure what docs/results.md states; `make bench` runs them, and nothing else writes that page."""
