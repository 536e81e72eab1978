"""After training: is another model better, how good is this one now, have its rows changed, what to review next.

Pure functions on arrays, with NumPy only.
"""
