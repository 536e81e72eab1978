"""Many shards, many processes or machines, one answer for each row: `limbeck predict --on`. Never imports torch."""
