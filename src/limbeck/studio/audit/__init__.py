"""Who did what, when: append-only, each entry bound to the one before."""
