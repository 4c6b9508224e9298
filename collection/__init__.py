"""How the datasets are made: behavior policies, rollouts, rendering, packing.

``python -m collection --help`` shows the commands. Everything here runs from a clone.
"""
