"""How one raw value becomes arrays; the same code runs in training and in serving."""
