"""Bundles behind HTTP: the Open Inference Protocol, and a plain door for people. Needs the extra ``serve``."""
