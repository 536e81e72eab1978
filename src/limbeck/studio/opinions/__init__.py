"""Opinions on items that are not of people: of a language model that the site runs, and of lists of words."""
