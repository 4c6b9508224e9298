"""The algorithms of this package, by the name that the command line takes: a file and line each."""

from baselines.algorithms import bc, cql, dreamer_v2, drq_bc, lompo, moto, offline_dv2, semopo
from baselines.bench.registry import ALGORITHMS

ALGORITHMS["bc"] = bc.ALGORITHM
ALGORITHMS["drq_bc"] = drq_bc.ALGORITHM
ALGORITHMS["cql"] = cql.ALGORITHM
ALGORITHMS["offline_dv2"] = offline_dv2.ALGORITHM
ALGORITHMS["semopo"] = semopo.ALGORITHM
ALGORITHMS["lompo"] = lompo.ALGORITHM
ALGORITHMS["combo"] = lompo.COMBO
ALGORITHMS["moto"] = moto.ALGORITHM
ALGORITHMS["dreamer_v2"] = dreamer_v2.ALGORITHM
