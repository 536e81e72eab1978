"""Models in the registry on disk: uploaded, shown, published."""
