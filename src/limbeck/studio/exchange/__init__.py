"""Import and export of what is under review, as jobs, in many forms of files."""
