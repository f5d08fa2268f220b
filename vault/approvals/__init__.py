"""A second person: what nobody does alone is asked for, with a reason, and decided by somebody else."""
