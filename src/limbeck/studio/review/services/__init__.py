"""The rules of review: views, jobs and the API call these and change nothing themselves.

``adding`` makes items of rows, ``queue`` hands them out, ``answers`` stores what people decide, ``quality`` measures
models and reviewers, and ``display`` reads items for pages and the API.
"""
