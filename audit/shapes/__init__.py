"""The shapes in which the trail leaves: reading copies beside the entries, each made of the same lines."""
