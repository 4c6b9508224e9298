"""Evaluation: the returns that a policy gets, in episodes that anyone can replay."""

from vd4rl_data.evaluation.evaluate import EnvOrId as EnvOrId
from vd4rl_data.evaluation.evaluate import episode_seed as episode_seed
from vd4rl_data.evaluation.evaluate import evaluate as evaluate
from vd4rl_data.evaluation.policy import ActionTrace as ActionTrace
from vd4rl_data.evaluation.policy import Evaluation as Evaluation
from vd4rl_data.evaluation.policy import Policy as Policy
from vd4rl_data.evaluation.replay import replay as replay
from vd4rl_data.evaluation.replay import replay_episode as replay_episode
from vd4rl_data.evaluation.replay import replay_summaries as replay_summaries
