"""Batches of transitions and of sequences, gathered from unstacked frames at sampling time."""

from vd4rl_data.sampling.columns import Columns as Columns
from vd4rl_data.sampling.pool import Group as Group
from vd4rl_data.sampling.pool import Pool as Pool
from vd4rl_data.sampling.pool import Source as Source
from vd4rl_data.sampling.query import Query as Query
from vd4rl_data.sampling.query import SequenceQuery as SequenceQuery
from vd4rl_data.sampling.query import TransitionQuery as TransitionQuery
from vd4rl_data.sampling.samplable import Mixture as Mixture
from vd4rl_data.sampling.samplable import Replaceable as Replaceable
from vd4rl_data.sampling.samplable import Samplable as Samplable
from vd4rl_data.sampling.samplable import Selection as Selection
from vd4rl_data.sampling.sampler import Sampler as Sampler
from vd4rl_data.sampling.sequences import DreamerSequences as DreamerSequences
from vd4rl_data.sampling.sequences import Sequences as Sequences
from vd4rl_data.sampling.sequences import SequenceSampler as SequenceSampler
from vd4rl_data.sampling.sequences import dreamer_alignment as dreamer_alignment
from vd4rl_data.sampling.transitions import Transitions as Transitions
from vd4rl_data.sampling.transitions import TransitionSampler as TransitionSampler
from vd4rl_data.sampling.views import Views as Views
from vd4rl_data.sampling.views import ViewSampler as ViewSampler
