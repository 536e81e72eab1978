"""Tables of any format, read in pieces of rows."""
