"""What trains, saves, plays and reports agents, whatever the algorithm: it imports none of them.

An algorithm is a record (:class:`baselines.bench.algorithm.Algorithm`) in the table
:data:`baselines.bench.registry.ALGORITHMS`.
"""
