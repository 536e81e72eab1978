"""Run the site for years: check it, delete what is old, carry it to another database."""
