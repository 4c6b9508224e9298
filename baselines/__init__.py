"""The room of the reference algorithms. It may import ``vd4rl_data`` and no other room."""
