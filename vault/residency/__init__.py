"""Where objects, replicas and keys lie, compared with where they may: at every start, and every hour."""
