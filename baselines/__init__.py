"""The room of the reference algorithms. It may import ``vd4rl_data`` and no other room.

``bench`` trains, plays and reports whatever is in its table; ``algorithms`` enters ours there.
"""

from baselines import algorithms as algorithms
