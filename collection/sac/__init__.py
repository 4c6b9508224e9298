"""Soft actor-critic on the proprioceptive state: how the behavior policies are trained."""
