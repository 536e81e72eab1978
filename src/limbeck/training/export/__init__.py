"""From a trained network to a verified bundle."""
