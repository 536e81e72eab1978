"""Reviewed rows as files: CSV, Excel, JSON Lines, Parquet, and the forms of Label Studio, Argilla and doccano."""
