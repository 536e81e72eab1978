"""What the explanation of a text is made of: words, n-grams and their places."""
