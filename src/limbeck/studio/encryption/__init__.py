"""Columns that the database holds encrypted: phone numbers and e-mail addresses."""
