"""Many rows at once: uploaded files kept aside, answered by a job, given back as a table."""
