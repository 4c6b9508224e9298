"""A folder served as a mirror of the hub."""
