"""The loop: models are trained here from tables, reviewed rows or other models, compared, published and followed."""
