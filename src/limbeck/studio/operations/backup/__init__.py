"""The database and the files of a site as one zip file, and back."""
