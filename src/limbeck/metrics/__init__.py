"""Arrays in, figures out: nothing here knows a kind of rows or a bundle."""
