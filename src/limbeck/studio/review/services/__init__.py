"""The rules of review: views, jobs and the API call these and change nothing themselves."""
