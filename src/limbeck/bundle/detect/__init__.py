"""Bundles that find boxes: open them, follow objects through a video, write what was found."""
