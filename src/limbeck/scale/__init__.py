"""Many shards, many processes or machines, one answer for each row: `limbeck predict --on`, without torch.

`limbeck.scale.teachers_on_ray` asks teachers on a cluster, and is imported by who trains.
"""
