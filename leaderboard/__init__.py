"""The room of the leaderboard. It may import ``vd4rl_data`` and no other room."""
