"""From files, folders, tables and memory to images."""
